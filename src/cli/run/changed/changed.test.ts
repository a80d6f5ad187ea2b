import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { adapterByName } from "../../../adapters/index.ts";
import { scanWorkspace } from "../../../workspace/index.ts";
import type { FoundSuite } from "../suites.ts";
import { changedFiles, onlyChanged } from "./index.ts";
import { isProse } from "./select.ts";

let root = "";

const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

async function write(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}

function commit(message: string): void {
  git("add", "-A");
  git("commit", "-q", "-m", message);
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "testyard-changed-"));
  git("init", "-q", "-b", "main");
  await write({
    "js/a.test.js": `import "./a.js"`,
    "js/b.test.js": `import "./b.js"`,
    "js/a.js": "",
    "js/b.js": "",
    "js/lonely.js": "",
    "py/test_c.py": "import c",
    "py/c.py": "",
    "README.md": "",
  });
  commit("first");
});

afterEach(() => rm(root, { recursive: true, force: true }));

function suiteOf(framework: string, suite: string, files: string[]): FoundSuite {
  const adapter = adapterByName(framework);
  if (adapter === undefined) throw new Error(framework);
  const discovery = { files: files.map((path) => ({ path })), problems: [] };
  return { adapter, root: join(root, suite), suite, evidence: "", patterns: [], discovery };
}

async function selected(since = "HEAD"): Promise<{ files: string[]; notes: string[] }> {
  const suites = [
    suiteOf("vitest", "js", ["a.test.js", "b.test.js"]),
    suiteOf("pytest", "py", ["test_c.py"]),
  ];
  const scanned = await scanWorkspace({ root });
  const { suites: kept, notes } = await onlyChanged(suites, { workspace: root, scanned, since });
  const files = kept.flatMap(({ suite, discovery }) => discovery.files.map(({ path }) => `${suite}/${path}`));
  return { files, notes };
}

describe("tests that a change can touch", () => {
  test("nothing changed: none", async () => {
    expect(await selected()).toEqual({ files: [], notes: [] });
  });

  test("a changed test, and a test whose source changed", async () => {
    await write({ "js/a.test.js": `import "./a.js"; //`, "py/c.py": "x = 1" });
    expect(await selected()).toEqual({ files: ["js/a.test.js", "py/test_c.py"], notes: [] });
  });

  test("a source file that no test imports: its whole suite, with the reason", async () => {
    await write({ "js/lonely.js": "1" });
    expect(await selected()).toEqual({
      files: ["js/a.test.js", "js/b.test.js"],
      notes: ["js/lonely.js changed and no test imports it: all of vitest in js run"],
    });
  });

  test("a new file of another kind: the suite it lies in, or every suite", async () => {
    await write({ "py/data.json": "{}" });
    expect((await selected()).files).toEqual(["py/test_c.py"]);
    await write({ Makefile: "all:" });
    expect((await selected()).files).toEqual(["js/a.test.js", "js/b.test.js", "py/test_c.py"]);
  });

  test("a deleted source file: the tests that asked for it", async () => {
    await rm(join(root, "js/b.js"));
    expect((await selected()).files).toEqual(["js/b.test.js"]);
  });

  test("prose changes no test", async () => {
    await write({ "README.md": "more", "js/NOTES.md": "" });
    expect(await selected()).toEqual({ files: [], notes: [] });
    expect(isProse("docs/x.txt")).toBe(false);
  });

  test("a file that does not travel, such as a report, changes no test", async () => {
    await write({ "testyard-report/report.json": "{}", "py/__pycache__/c.pyc": "" });
    expect(await selected()).toEqual({ files: [], notes: [] });
  });

  test("since a branch: what this one did, not what the other did meanwhile", async () => {
    git("checkout", "-q", "-b", "work");
    await write({ "py/c.py": "x = 1" });
    commit("mine");
    git("checkout", "-q", "main");
    await write({ "js/a.js": "theirs" });
    commit("theirs");
    git("checkout", "-q", "work");
    expect((await selected("main")).files).toEqual(["py/test_c.py"]);
    expect((await selected()).files).toEqual([]);
  });

  test("names with spaces, quotes and accents", async () => {
    await write({ 'js/with "q" é.js': "" });
    expect(await changedFiles(root, "HEAD")).toEqual(['js/with "q" é.js']);
  });

  test("in a folder below the checkout, only what lies there", async () => {
    await write({ "py/c.py": "x = 1", "js/a.js": "2" });
    expect(await changedFiles(join(root, "py"), "HEAD")).toEqual(["c.py"]);
  });

  test("a commit that is not there, and a folder outside git, say what to do", async () => {
    await expect(changedFiles(root, "nowhere")).rejects.toThrow('no common ancestor of HEAD and "nowhere"');
    await rm(join(root, ".git"), { recursive: true });
    await expect(changedFiles(root, "HEAD")).rejects.toThrow("not in a git checkout");
  });
});
