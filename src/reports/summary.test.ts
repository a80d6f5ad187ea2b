import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { renderSummary } from "./summary.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

const failing = aTask({
  task_id: "T7",
  state: "failed",
  attempts: [
    anAttempt({
      outcome: "failed",
      cases: [
        aCase("fine", "passed"),
        aCase("bad \u001b]0;evil\u0007name", "failed", {
          message: "assert 3 == 4",
          detail: "Traceback\n  assert 3 == 4",
        }),
      ],
    }),
  ],
});

it("puts failures first, with message, place and the command that shows more", () => {
  const report = buildReport(
    aRun([aTask({ attempts: [anAttempt({ cases: [aCase("ok", "passed")] })] }), failing]),
  );
  const text = renderSummary(report, {
    logCommand: (id, attempt) => `testyard logs ${id} --attempt ${attempt}`,
  });
  const lines = text.split("\n");
  expect(lines[0]).toBe("FAILED  test_a.py > bad name  pytest · w1");
  expect(text).toContain("assert 3 == 4");
  expect(text).toContain("whole log: testyard logs T7 --attempt 1");
  expect(text.trimEnd().split("\n").at(-1)).toBe("FAILED  2 passed, 1 failed in 2.5 s on 1 worker");
});

it("says a message once when the traceback repeats it with empty lines between", () => {
  const outcome = aCase("sum", "failed", {
    message: "strictly equal:\n\n36 !== 32\n",
    detail: "AssertionError: strictly equal:\n\n36 !== 32\n\n    at sum.js:6",
  });
  const task = aTask({ state: "failed", attempts: [anAttempt({ outcome: "failed", cases: [outcome] })] });
  expect(renderSummary(buildReport(aRun([task]))).match(/36 !== 32/g)).toHaveLength(1);
});

it("says of a flaky case in which attempt it passed, or that its task was repeated", () => {
  const run = aRun([
    aTask({
      task_id: "old",
      state: "failed",
      attempts: [anAttempt({ outcome: "failed", cases: [aCase("till", "failed")] })],
    }),
    aTask({ task_id: "new", retry_of: "old", attempts: [anAttempt({ cases: [aCase("till", "passed")] })] }),
  ]);
  expect(renderSummary(buildReport(run))).toContain("till  passed when repeated");
});

it("writes no escape character without a paint", () => {
  expect(renderSummary(buildReport(aRun([failing])))).not.toMatch(/\u001b/);
});

it("says how many failures it leaves to the reports", () => {
  const cases = Array.from({ length: 25 }, (_, i) => aCase(`case ${i}`, "failed"));
  const report = buildReport(
    aRun([aTask({ state: "failed", attempts: [anAttempt({ outcome: "failed", cases })] })]),
  );
  expect(renderSummary(report)).toContain("… and 22 more failures");
});

it("shows a few failures of each cause, so that a common one hides no other", () => {
  const many = Array.from({ length: 9_000 }, (_, i) => aCase(`case ${i}`, "failed", { message: "common" }));
  const cases = [...many, aCase("last", "failed", { message: "rare" })];
  const report = buildReport(
    aRun([aTask({ state: "failed", attempts: [anAttempt({ outcome: "failed", cases })] })]),
  );
  const heads = renderSummary(report)
    .split("\n")
    .filter((line) => line.startsWith("FAILED  test_a.py"));
  expect(heads.map((line) => line.split(/ {2,}/)[1])).toEqual(
    ["case 0", "case 1", "case 2", "last"].map((name) => `test_a.py > ${name}`),
  );
});

const detailed = (message: string, detail: string): string => {
  const cases = [aCase("bad", "failed", { message, detail })];
  return renderSummary(
    buildReport(aRun([aTask({ state: "failed", attempts: [anAttempt({ outcome: "failed", cases })] })])),
  );
};

it("says once what the traceback repeats behind a mark of its framework", () => {
  const text = detailed(
    "AssertionError: 1\n  - other",
    ">   assert x\nE   AssertionError: 1\nE\nE     - other",
  );
  expect(text.match(/AssertionError/g)).toHaveLength(1);
});

it("keeps the message where the traceback is cut before it", () => {
  const frames = Array.from({ length: 30 }, (_, i) => `frame ${i}`).join("\n");
  expect(detailed("panic: no map", `panic: no map\n${frames}`)).toContain("panic: no map");
});
