import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { findSuites, workspaceOf } from "./suites.ts";

let dir = "";
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "testyard-suites-")));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

const NODE = JSON.stringify({ scripts: { test: "node --test" } });
const found = async (...paths: string[]): Promise<unknown[]> =>
  (
    await findSuites(
      dir,
      paths.map((path) => join(dir, path)),
    )
  ).map(({ adapter, suite, patterns }) => [adapter.name, suite, ...patterns]);

it("finds suites of several frameworks in folders below", async () => {
  write({ "py/pytest.ini": "[pytest]", "py/test_a.py": "", "js/package.json": NODE, "js/a.test.js": "" });
  write({ "vt/vitest.config.mjs": "export default {}", "js/node_modules/x/package.json": NODE });
  expect(await found("")).toEqual([
    ["node-test", "js"],
    ["pytest", "py"],
    ["vitest", "vt"],
  ]);
});

it("asks about folders with the marks of Go, Rust, jest, mocha and Playwright", async () => {
  write({ "go/go.mod": "", "rs/Cargo.toml": "", "je/jest.config.js": "", "mo/.mocharc.yml": "" });
  write({ "pw/playwright.config.ts": "" });
  expect(await found("")).toEqual([
    ["go-test", "go"],
    ["jest", "je"],
    ["mocha", "mo"],
    ["playwright", "pw"],
    ["cargo-test", "rs"],
  ]);
});

it("does not find a framework again below a folder that has it", async () => {
  write({ "package.json": NODE, "a.test.js": "", "sub/package.json": NODE, "sub/b.test.js": "" });
  expect(await found("")).toEqual([["node-test", "."]]);
});

it("takes a file, and a folder inside a suite, as a part of the suite above", async () => {
  write({ "js/package.json": NODE, "js/test/a.test.js": "", "js/test/deep/b.test.js": "" });
  expect(await found("js/test/a.test.js", "js/test/deep/b.test.js")).toEqual([
    ["node-test", "js", "test/a.test.js", "test/deep/b.test.js"],
  ]);
});

it("wants all of a suite when a part and the whole are named", async () => {
  write({ "js/package.json": NODE, "js/test/a.test.js": "" });
  expect(await found("js/test/a.test.js", "js")).toEqual([["node-test", "js"]]);
});

it("refuses a path that is not there", async () => {
  await expect(found("nowhere")).rejects.toThrow("does not exist");
});

it("ships the current folder, or the nearest that holds all paths", () => {
  expect(workspaceOf(["/a/b/c"], "/a/b")).toBe("/a/b");
  expect(workspaceOf(["/a/x", "/a/b/c"], "/a/b")).toBe("/a");
  expect(workspaceOf(["/a/bc"], "/a/b")).toBe("/a");
});
