import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { failureGroups } from "./failures.ts";
import { normalised } from "./fingerprint.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

it.each([
  ["expected 3 to equal 44", "expected <n> to equal <n>"],
  ["at /srv/app/a.js:10 in C:\\work\\b.ts", "at <path>:<n> in <path>"],
  ["src/deep/a.test.ts failed", "<path> failed"],
  ["object at 0x7f8a0c, id 1b4e28ba-2fa1-11d2-883f-0016d3cca427", "object at <hex>, id <hex>"],
  ["commit deadbee1 of facade", "commit <hex> of facade"],
  ["timed out after 1500 ms (limit 2.5s)", "timed out after <time> (limit <time>)"],
  ["\u001b[31mred\u001b[0m  and   space", "red and space"],
  ["one\n\ntwo\nthree\nfour", "one two three"],
])("takes what changes from run to run out of %j", (text, expected) => {
  expect(normalised(text)).toBe(expected);
});

it("takes no longer for a hostile text than for a usual one", () => {
  const began = performance.now();
  for (const text of ["/a".repeat(50_000), "a".repeat(100_000), "-/".repeat(50_000), "1.".repeat(50_000)])
    normalised(text);
  expect(performance.now() - began).toBeLessThan(1_000);
});

it("groups failures of one cause, the most frequent cause first", () => {
  const cases = [
    aCase("a", "failed", { message: "no such key: 'x'" }),
    aCase("b", "failed", { message: "expected 1 to equal 2" }),
    aCase("c", "error", { message: "expected 5 to equal 6" }),
    aCase("d", "passed"),
  ];
  const attempts = [anAttempt({ outcome: "failed", cases })];
  const report = buildReport(aRun([aTask({ state: "failed", attempts })]));
  expect(failureGroups(report).map(({ title, cases: of }) => [title, of.map(({ name }) => name)])).toEqual([
    ["expected 1 to equal 2", ["b", "c"]],
    ["no such key: 'x'", ["a"]],
  ]);
  expect(report.cases.at(-1)?.fingerprint).toBeNull();
});
