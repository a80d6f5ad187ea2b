import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { compareRuns } from "./compare.ts";
import type { CaseFacts } from "./facts.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

const reportOf = (...cases: CaseFacts[]) => buildReport(aRun([aTask({ attempts: [anAttempt({ cases })] })]));

it("says what became of each case", () => {
  const before = reportOf(
    aCase("breaks", "passed"),
    aCase("mended", "failed"),
    aCase("broken", "error"),
    aCase("removed", "passed"),
    aCase("skipped now", "failed"),
  );
  const now = reportOf(
    aCase("breaks", "failed"),
    aCase("mended", "passed", { retries: 1 }),
    aCase("broken", "failed"),
    aCase("added", "passed"),
    aCase("added and bad", "failed"),
    aCase("skipped now", "skipped"),
  );
  const { cases, counts } = compareRuns(now, before);
  const names = Object.fromEntries(Object.entries(cases).map(([k, list]) => [k, list.map((it) => it.name)]));
  expect(names).toEqual({
    newly_failing: ["breaks", "added and bad"],
    fixed: ["mended"],
    still_failing: ["broken"],
    flaky: ["mended"],
    new: ["added", "added and bad"],
    gone: ["removed"],
    slower: [],
    faster: [],
  });
  expect(counts).toMatchObject({ newly_failing: 2, new: 2, gone: 1 });
  expect(cases.newly_failing[0]).toMatchObject({ before: "passed", now: "failed" });
});

it("calls a case slower by half and a tenth of a second at least, the largest difference first", () => {
  const timed = (a: number, b: number, c: number, d: number) =>
    reportOf(
      ...[a, b, c, d].map((duration_ms, i) =>
        aCase(["a", "b", "c", "d"][i] ?? "", "passed", { duration_ms }),
      ),
    );
  const { cases } = compareRuns(timed(310, 1_400, 90, 3_000), timed(200, 1_000, 10, 1_000));
  expect(cases.slower.map(({ name, before_ms, now_ms }) => [name, before_ms, now_ms])).toEqual([
    ["d", 1_000, 3_000],
    ["a", 200, 310],
  ]);
  expect(compareRuns(timed(1, 1, 1, 1_000), timed(1, 1, 1, 1_600)).cases.faster).toHaveLength(1);
});

it("counts everything and lists the first thousand of a kind", () => {
  const many = Array.from({ length: 1_500 }, (_, i) => aCase(`case ${i}`, "failed"));
  const { counts, cases } = compareRuns(reportOf(...many), reportOf());
  expect([counts.newly_failing, cases.newly_failing.length]).toEqual([1_500, 1_000]);
});

it("keeps two cases of one name two", () => {
  const twice = reportOf(aCase("a", "passed"), aCase("a", "failed"));
  expect(compareRuns(twice, twice).counts).toMatchObject({ newly_failing: 0, still_failing: 1, gone: 0 });
});
