import { describe, expect, test } from "vitest";
import { bench, documentIn, folderAsWorkspace, TREE } from "./executor.testing.ts";

const FILES = {
  "js/a.test.js": `
const { test } = require("node:test");
test("good", () => {});
test("bad (1)", () => { throw new Error("still bad"); });
test("other", () => { throw new Error("not asked for"); });
`,
  "js/b.test.js": 'require("node:test").test("bad (1)", () => { throw new Error("another file"); });\n',
};
const config = (more: object) => ({
  workspace: TREE,
  config: { adapter: "node-test", suite: "js", files: ["a.test.js", "b.test.js"], ...more },
});

describe("a task that names cases", () => {
  test("runs and reports these alone, under the identities that they have in a whole run", async () => {
    const { run } = await bench({ cache: folderAsWorkspace(FILES) });
    const whole = documentIn(await run(config({})));
    const some = await run(config({ cases: [{ file: "a.test.js", name: "bad (1)" }] }));
    expect(some).toMatchObject({ outcome: "failed", counts: { passed: 0, failed: 1, skipped: 0, error: 0 } });
    const [only] = documentIn(some).cases;
    expect(only).toMatchObject({ file: "js/a.test.js", name: "bad (1)", message: "still bad" });
    expect(whole.cases.filter((each) => each.test_id === only?.test_id)).toHaveLength(1);
    expect(some.log).not.toContain("another file");
    const good = await run(config({ cases: [{ file: "a.test.js", name: "good" }] }));
    expect(good).toMatchObject({ outcome: "passed", counts: { passed: 1, failed: 0 } });
  });

  test("fails when one of them is not there any more", async () => {
    const { run } = await bench({ cache: folderAsWorkspace(FILES) });
    const result = await run(config({ cases: [{ file: "a.test.js", name: "gone" }] }));
    expect(result).toMatchObject({ outcome: "failed", counts: { error: 1 } });
    expect(documentIn(result).cases[0]).toMatchObject({ name: "gone", outcome: "error" });
  });

  test("runs its whole command where that cannot choose", async () => {
    const { run } = await bench();
    const cases = [{ file: "", name: "two" }];
    const given = { command: ["printf", "1..2\\nok 1 - one\\nok 2 - two\\n"], report: "tap", cases };
    expect(await run({ config: given }, { type: "test" })).toMatchObject({ counts: { passed: 2 } });
  });

  test.each([
    [[]],
    ["a"],
    [[{ file: "a" }]],
    [[{ file: "a", name: "" }]],
    [[{ file: "a", name: "x", parameters: 1 }]],
    [[{ file: "a", name: "x", outcome: "failed" }]],
  ])("is refused with cases like %j", async (cases) => {
    const { run } = await bench();
    const result = await run({ config: { adapter: "node-test", cases } });
    expect(result).toMatchObject({ outcome: "failed", error: { code: "config_invalid" } });
  });
});
