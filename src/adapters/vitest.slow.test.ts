import { afterEach, expect, test } from "vitest";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readFile, symlink } from "node:fs/promises";
import type { CaseResult } from "./adapter.ts";
import type { Project } from "./real-run.testing.ts";
import { count, execute, outcomes, project, realRun, run } from "./real-run.testing.ts";
import { findVitest } from "./vitest-binary.ts";
import { vitestAdapter } from "./vitest.ts";

const opened: Project[] = [];
const installed = join(fileURLToPath(new URL(".", import.meta.url)), "..", "..", "node_modules");

async function suite(files: Record<string, string>): Promise<string> {
  const made = await project(files);
  opened.push(made);
  await symlink(installed, join(made.root, "node_modules"));
  return made.root;
}

afterEach(async () => {
  for (const made of opened.splice(0)) await made.remove();
});

const MIXED = {
  "vitest.config.mjs":
    "export default { test: { include: ['**/*.test.ts', '**/*.check.ts'], " +
    "exclude: ['old/**', '**/node_modules/**'] } };\n",
  "a.test.ts": `
import { beforeAll, describe, expect, test } from "vitest";
test("one", () => { console.log("printed"); console.error("shouted"); });
test("one", () => {});
test.each([1, 2])("each %i", (n) => { expect(n, "two is wrong").toBe(1); });
test.skip("skipped", () => {});
test.todo("later");
test.fails("fails as it should", () => { expect(1).toBe(2); });
let tries = 0;
test("second try", { retry: 2 }, () => { tries += 1; expect(tries).toBe(2); });
describe("group", () => { test("inside", (context) => { context.skip("no such device"); }); });
describe("bad hook", () => {
  beforeAll(() => { throw new Error("hook broke"); });
  test("never ran", () => {});
});
`,
  "sub/a.test.ts": 'import { test } from "vitest";\ntest("in sub", () => {});\n',
  "broken.test.ts": 'import "./nothing-there";\n',
  "empty.test.ts": "export {};\n",
  "more.check.ts": 'import { test } from "vitest";\ntest("checked", () => {});\n',
  "old/z.test.ts": 'throw new Error("excluded");\n',
};

interface OwnReport {
  numTotalTests: number;
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
}

async function ownReport(root: string): Promise<OwnReport> {
  const vitest = await findVitest(root);
  const output = join(root, "own.json");
  const argv = ["node", vitest?.path ?? "", "run", "--reporter=json", `--outputFile.json=${output}`];
  await execute(argv, { cwd: root, timeout_ms: 60_000 });
  return JSON.parse(await readFile(output, "utf8")) as OwnReport;
}

test("lists what vitest lists and counts what vitest counts", { timeout: 60_000 }, async () => {
  const root = await suite(MIXED);
  const found = await vitestAdapter.discover({ root, run });
  const files = found.files.map((file) => file.path);
  expect(files).toEqual(["a.test.ts", "broken.test.ts", "empty.test.ts", "more.check.ts", "sub/a.test.ts"]);
  const own = await ownReport(root);
  const { cases, problems } = await realRun(vitestAdapter, { root, files });
  const real = cases.filter((each) => each.outcome !== "error");
  const number = (outcome: CaseResult["outcome"]): number =>
    real.filter((each) => each.outcome === outcome).length;
  expect(real).toHaveLength(own.numTotalTests);
  expect(number("passed")).toBe(own.numPassedTests);
  expect(number("failed")).toBe(own.numFailedTests);
  expect(number("skipped")).toBe(own.numPendingTests + own.numTodoTests);
  expect(outcomes(cases.filter((each) => each.outcome === "error"))).toEqual([
    "a.test.ts::bad hook > (group) error",
    "broken.test.ts::(file) error",
    "empty.test.ts::(file) error",
  ]);
  expect(problems.map((problem) => problem.file).sort()).toEqual(["broken.test.ts", "empty.test.ts"]);
  const named = (name: string): CaseResult | undefined => cases.find((each) => each.name === name);
  expect(outcomes(cases).filter((line) => line === "a.test.ts::one passed")).toHaveLength(2);
  expect(named("one")).toMatchObject({ stdout: "printed\n", stderr: "shouted\n" });
  expect(named("each 2")).toMatchObject({
    outcome: "failed",
    message: expect.stringContaining("two is wrong"),
  });
  expect(named("each 2")?.detail).toContain("a.test.ts:5");
  expect(named("second try")).toMatchObject({ outcome: "passed", retries: 1 });
  expect(named("fails as it should")).toMatchObject({ outcome: "passed", expected_failure: true });
  expect(named("group > inside")).toMatchObject({ outcome: "skipped", message: "no such device" });
});

test("counts only the file asked for when its name is part of another's", async () => {
  const root = await suite({
    "a.test.ts": 'import { test } from "vitest";\ntest("top", () => {});\n',
    "sub/a.test.ts":
      'import { test } from "vitest";\ntest("in sub", () => { throw new Error("other task"); });\n',
  });
  const { cases } = await realRun(vitestAdapter, { root, files: ["a.test.ts"] });
  expect(outcomes(cases)).toEqual(["a.test.ts::top passed"]);
});

test("an unhandled error fails the run although every case passed", async () => {
  const root = await suite({
    "a.test.ts": `
import { test } from "vitest";
test("fine", async () => {
  Promise.reject(new Error("nobody waits"));
  await new Promise((resolve) => setTimeout(resolve, 50));
});
`,
  });
  const { cases, exit } = await realRun(vitestAdapter, { root, files: ["a.test.ts"] });
  expect(exit.code).toBe(1);
  expect(count(cases)).toEqual({ passed: 1, error: 1 });
  expect(cases.find((each) => each.outcome === "error")?.message).toContain("nobody waits");
});

test("projects give the same file once each, told apart by their name", async () => {
  const root = await suite({
    "vitest.config.mjs":
      "export default { test: { projects: [{ test: { name: 'x' } }, { test: { name: 'y' } }] } };\n",
    "a.test.ts": 'import { test } from "vitest";\ntest("both", () => {});\n',
  });
  const found = await vitestAdapter.discover({ root, run });
  expect(found.files).toEqual([{ path: "a.test.ts" }]);
  const { cases } = await realRun(vitestAdapter, { root, files: ["a.test.ts"] });
  expect(cases.map((each) => each.parameters ?? "").sort()).toEqual(["project=x", "project=y"]);
});

test("a test process that dies is an error of its cases and its file", async () => {
  const root = await suite({
    "a.test.ts": `
import { test } from "vitest";
test("ok", () => {});
test("dies", () => { process.kill(process.pid, "SIGKILL"); });
`,
    "b.test.ts": 'process.kill(process.pid, "SIGKILL");\n',
    "c.test.ts": 'import { test } from "vitest";\ntest("lives", () => {});\n',
  });
  const { cases } = await realRun(vitestAdapter, { root, files: ["a.test.ts", "b.test.ts", "c.test.ts"] });
  const lines = outcomes(cases);
  expect(lines).toContain("a.test.ts::dies error");
  expect(lines).toContain("b.test.ts::(file) error");
  expect(lines).toContain("c.test.ts::lives passed");
  expect(lines.filter((line) => line.endsWith("skipped"))).toEqual([]);
});

test("a broken configuration is reported by discovery and by the run", async () => {
  const root = await suite({ "vitest.config.mjs": "throw new Error('bad config');\n", "a.test.ts": "" });
  const found = await vitestAdapter.discover({ root, run });
  expect(found.problems[0]?.message).toContain("bad config");
  const { cases } = await realRun(vitestAdapter, { root, files: ["a.test.ts"] });
  expect(outcomes(cases)).toEqual(["a.test.ts::(file) error"]);
  expect(cases[0]?.detail).toContain("bad config");
});
