import { afterEach, expect, test } from "vitest";
import type { CaseResult } from "./adapter.ts";
import { nodeTestAdapter } from "./node-test.ts";
import type { Project } from "./real-run.testing.ts";
import { execute, outcomes, project, realRun, run } from "./real-run.testing.ts";

const opened: Project[] = [];

async function suite(files: Record<string, string>): Promise<string> {
  const made = await project(files);
  opened.push(made);
  return made.root;
}

afterEach(async () => {
  for (const made of opened.splice(0)) await made.remove();
});

const MIXED = {
  "helper.mjs":
    'import test from "node:test";\nexport function shared() { test("shared case", () => {}); }\n',
  "test/a.test.mjs": `
import test, { describe, it, before } from "node:test";
import assert from "node:assert";
import { shared } from "../helper.mjs";
shared();
test("parent", async (t) => {
  await t.test("kid", () => {});
  await t.test("kid", () => { assert.equal(1, 2, "one is not two"); });
});
describe("group", () => {
  it("x", () => {});
  it.skip("sk", () => {});
  it("skr", { skip: "not here" }, () => {});
  it.todo("td");
  it("tdf", { todo: "soon" }, () => { throw new Error("no"); });
});
describe("badhook", () => { before(() => { throw new Error("hook broke"); }); it("y", () => {}); });
describe("badbody", () => { throw new Error("in describe"); });
describe.skip("skipped group", () => { it("inside", () => {}); });
test("slow", { timeout: 20 }, () => new Promise((resolve) => setTimeout(resolve, 200)));
`,
  "test/b.test.mjs": "this is a syntax error(\n",
  "test/c.test.mjs": 'import { shared } from "../helper.mjs";\nshared();\n',
  "test/d.test.mjs":
    'import test from "node:test";\ntest("exits", () => { process.exit(3); });\ntest("never", () => {});\n',
  "test/empty.mjs": "",
  "src/one.js": "",
  "src/one.test.cjs": 'require("node:test")("twice", () => {}); require("node:test")("twice", () => {});\n',
  "node_modules/x/x.test.js": "throw new Error('not ours');\n",
};

/** The runner's own totals, e.g. {tests: 3, pass: 2, …}. */
async function ownCounts(root: string): Promise<Record<string, number>> {
  const { stdout } = await execute(["node", "--test", "--test-reporter=tap"], {
    cwd: root,
    timeout_ms: 60_000,
  });
  const counts: Record<string, number> = {};
  for (const [, word, number] of stdout.matchAll(/^# (tests|pass|fail|cancelled|skipped|todo) (\d+)$/gm)) {
    counts[word ?? ""] = Number(number);
  }
  return counts;
}

test("finds the files that node --test runs and counts as it counts", { timeout: 60_000 }, async () => {
  const root = await suite(MIXED);
  const found = await nodeTestAdapter.discover({ root, run });
  const files = found.files.map((file) => file.path);
  expect(files).toEqual([
    "src/one.test.cjs",
    "test/a.test.mjs",
    "test/b.test.mjs",
    "test/c.test.mjs",
    "test/d.test.mjs",
    "test/empty.mjs",
  ]);
  const own = await ownCounts(root);
  const { cases, problems } = await realRun(nodeTestAdapter, { root, files });
  // Suites are not counted by the runner; the two that broke themselves are cases here.
  const suites = ["badhook > (group)", "badbody > (group)"];
  const counted = cases.filter((each) => !suites.includes(each.name));
  const number = (outcome: CaseResult["outcome"]): number =>
    counted.filter((each) => each.outcome === outcome).length;
  expect(counted.length).toBe(own["tests"]);
  expect(number("passed")).toBe(own["pass"]);
  expect(number("skipped")).toBe((own["skipped"] ?? 0) + (own["todo"] ?? 0));
  expect(number("failed") + number("error")).toBe((own["fail"] ?? 0) + (own["cancelled"] ?? 0));
  expect(cases.filter((each) => suites.includes(each.name)).map((each) => each.outcome)).toEqual([
    "error",
    "error",
  ]);
  expect(problems.map((problem) => problem.file).sort()).toEqual(["test/b.test.mjs", "test/d.test.mjs"]);
  const lines = outcomes(cases);
  // Written in a helper, run by two files.
  expect(lines).toContain("test/a.test.mjs::shared case passed");
  expect(lines).toContain("test/c.test.mjs::shared case passed");
  expect(lines.filter((line) => line === "src/one.test.cjs::twice passed")).toHaveLength(2);
  expect(lines).toContain("test/a.test.mjs::parent > kid passed");
  expect(lines).toContain("test/a.test.mjs::parent > kid failed");
  const failing = cases.find((each) => each.name === "parent > kid" && each.outcome === "failed");
  expect(failing?.message).toBe("one is not two");
  expect(failing?.detail).toContain("a.test.mjs:8");
  expect(cases.find((each) => each.name === "group > skr")?.message).toBe("SKIP: not here");
  expect(cases.find((each) => each.name === "group > tdf")).toMatchObject({
    outcome: "skipped",
    expected_failure: true,
  });
  const broken = cases.find((each) => each.file === "test/b.test.mjs");
  expect(broken).toMatchObject({
    name: "(file)",
    outcome: "error",
    message: expect.stringContaining("SyntaxError"),
  });
});

test("runs with the flags, environment and files of the project's own script", async () => {
  const root = await suite({
    "package.json": JSON.stringify({
      scripts: {
        test:
          "echo start && cross-env FROM_SCRIPT=yes node --import ./setup.mjs --test " +
          "--test-reporter dot 'spec/**/*.spec.mjs'",
      },
    }),
    "setup.mjs": "globalThis.ready = true;\n",
    "spec/deep/er/a.spec.mjs": `
import test from "node:test"; import assert from "node:assert";
test("set up", () => { assert.ok(globalThis.ready); assert.equal(process.env.FROM_SCRIPT, "yes"); });
test("sees nothing of ours", () => { assert.doesNotMatch(process.execArgv.join(" "), /reporter/); });
`,
    "other.test.mjs": "throw new Error('not part of the script');\n",
  });
  expect(await nodeTestAdapter.detect(root)).toEqual({ evidence: "package.json scripts.test" });
  const found = await nodeTestAdapter.discover({ root, run });
  expect(found.files).toEqual([{ path: "spec/deep/er/a.spec.mjs" }]);
  const { cases } = await realRun(nodeTestAdapter, { root, files: ["spec/deep/er/a.spec.mjs"] });
  expect(cases.map((each) => each.message ?? each.outcome)).toEqual(["passed", "passed"]);
});

test("a run cut off by its time limit names the file and the case that were running", async () => {
  const root = await suite({
    "a.test.mjs": `
import test from "node:test";
test("ok", () => {});
test("hangs", () => new Promise((resolve) => setTimeout(resolve, 4000)));
`,
  });
  const { cases } = await realRun(nodeTestAdapter, { root, files: ["a.test.mjs"], timeout_ms: 1500 });
  const last = cases.at(-1);
  expect(last).toMatchObject({ file: "a.test.mjs", name: "(file)", outcome: "error" });
  expect(last?.message).toBe("the time limit was reached while running hangs");
});

test("a file asked for that does not exist is an error", async () => {
  const root = await suite({ "a.test.mjs": "" });
  const { cases } = await realRun(nodeTestAdapter, { root, files: ["gone.test.mjs"] });
  expect(outcomes(cases)).toEqual(["gone.test.mjs::(file) error"]);
});
