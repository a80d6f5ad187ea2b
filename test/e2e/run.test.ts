import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 90_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Report {
  totals: { cases: number; passed: number; failed: number; error: number; skipped: number; flaky: number };
  cases: { name: string; file: string; outcome: string; flaky: boolean; worker_id: string | null }[];
  verdict: { result: string };
}

const NODE_SUITE = {
  "js/package.json": JSON.stringify({ type: "module", scripts: { test: "node --test" } }),
  "js/test/a.test.js":
    'import test from "node:test"; import assert from "node:assert/strict";\n' +
    'test("adds", () => assert.equal(1 + 1, 2));\ntest("later", { skip: "not yet" }, () => {});\n',
  "js/test/b.test.js": 'import test from "node:test";\ntest("fine", () => {});\n',
};
const VITEST_SUITE = {
  "vt/vitest.config.mjs": "export default { test: { globals: true } };\n",
  "vt/sum.test.ts": 'test("sums", () => { expect(2 + 2).toBe(4); });\ntest.skip("skips", () => {});\n',
};
const PYTEST_SUITE = {
  "py/pytest.ini": "[pytest]\n",
  "py/test_one.py":
    "import pytest\n\ndef test_ok():\n    pass\n\n@pytest.mark.skip(reason='no')\ndef test_no():\n    pass\n",
};
const hasPytest = await promisify(execFile)("python3", ["-m", "pytest", "--version"]).then(
  () => true,
  () => false,
);

describe("testyard run", () => {
  it("runs suites of three frameworks in one go and counts as they do", async (context) => {
    if (!hasPytest) context.skip("needs pytest: apt-get install python3-pytest");
    home.write({ "ws/keep": "", ...under("ws", { ...NODE_SUITE, ...VITEST_SUITE, ...PYTEST_SUITE }) });
    const ended = await home.run(["run", "--json", "--report-dir", "out"], { cwd: home.path("ws") });
    expect(ended.code, ended.stderr).toBe(0);
    const report = JSON.parse(ended.stdout) as Report;
    expect(report.totals).toMatchObject({ cases: 7, passed: 4, skipped: 3, failed: 0, error: 0 });
    expect(new Set(report.cases.map(({ file }) => file))).toEqual(
      new Set(["js/test/a.test.js", "js/test/b.test.js", "vt/sum.test.ts", "py/test_one.py"]),
    );
    expect(JSON.parse(home.read("ws/out/report.json"))).toMatchObject({ version: 1, totals: report.totals });
    expect(home.read("ws/out/junit.xml")).toContain('tests="7" failures="0" errors="0" skipped="3"');
  });

  it("ends with 1 when a test fails, shows it first, and fails a file that does not load", async () => {
    home.write(
      under("ws", {
        ...NODE_SUITE,
        "js/test/bad.test.js":
          'import test from "node:test";\ntest("breaks", () => { throw new Error("boom-42"); });\n',
        "js/test/broken.test.js": "import './not-there.js';\n",
      }),
    );
    const ended = await home.run(["run"], { cwd: home.path("ws"), env: { NO_COLOR: "1" } });
    expect(ended.code, ended.stderr).toBe(1);
    expect(ended.stdout.split("\n")[0]).toMatch(/^(FAILED|ERROR) {2}js\/test\/(bad|broken)/);
    expect(ended.stdout).toContain("boom-42");
    expect(ended.stdout).toContain("broken.test.js");
    expect(ended.stdout + ended.stderr).not.toContain("\u001b");
  });

  it("runs a command as it is, and reads the cases that it reports", async () => {
    const tap = "printf 'TAP version 13\\nok 1 - one\\nnot ok 2 - two words\\n1..2\\n'";
    home.write({ "ws/sub/check.sh": `test -f check.sh || exit 9\n${tap}\n` });
    const args = ["run", "--root", home.path("ws"), "--command", "sh check.sh", "--reads", "tap", "--json"];
    const ended = await home.run(args, { cwd: home.path("ws/sub") });
    expect(ended.code, ended.stderr).toBe(1);
    const { cases } = JSON.parse(ended.stdout) as Report;
    expect(cases.map(({ name, outcome }) => [name, outcome])).toEqual([
      ["one", "passed"],
      ["two words", "failed"],
    ]);
    const mixed = await home.run(["run", "--command", "true", "tests"], { cwd: home.path("ws") });
    expect([mixed.code, mixed.stderr]).toEqual([2, expect.stringContaining("leave out the paths")]);
  });

  it("calls a case flaky that passes in the second attempt, and ends with 0", async () => {
    home.write(
      under("ws", {
        "js/package.json": NODE_SUITE["js/package.json"],
        "js/test/f.test.js":
          'import test from "node:test"; import assert from "node:assert/strict";\n' +
          'test("sometimes", () => assert.notEqual(process.env.TESTYARD_ATTEMPT, "1"));\n',
      }),
    );
    const ended = await home.run(["run", "--retries", "1", "--json"], { cwd: home.path("ws") });
    expect(ended.code, ended.stderr).toBe(0);
    expect((JSON.parse(ended.stdout) as Report).totals).toMatchObject({ cases: 1, passed: 1, flaky: 1 });
  });

  it("stops its yard on Ctrl-C and leaves no process behind", async () => {
    const endless =
      'import test from "node:test";\ntest("endless", (t, done) => void setTimeout(done, 600_000));\n';
    home.write(
      under("ws", { "js/package.json": NODE_SUITE["js/package.json"], "js/test/e.test.js": endless }),
    );
    const running = home.start(["run", "--workers", "1"], { cwd: home.path("ws") });
    await running.says(/sent in/);
    const mine = async (): Promise<string> =>
      (await promisify(execFile)("ps", ["-eo", "pid,args"])).stdout
        .split("\n")
        .filter((line) => line.includes(home.dir))
        .join("\n");
    await eventually(mine, (lines) => lines.includes("e.test.js"));
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
    expect(await mine()).toBe("");
  });

  it("ends with 7 where there is nothing to run, and with 2 on a wrong flag, which it guesses", async () => {
    home.write({ "ws/readme.txt": "nothing" });
    const nothing = await home.run(["run", "--json"], { cwd: home.path("ws") });
    expect(nothing.code).toBe(7);
    expect(JSON.parse(nothing.stdout)).toMatchObject({ error: { code: "nothing_found" } });
    const wrong = await home.run(["run", "--worker", "2"]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("did you mean --workers?")]);
    expect((await home.run(["run", "no-such-folder"])).code).toBe(2);
    expect((await home.run(["tsaks"])).stderr).toContain("did you mean tasks?");
  });

  it("sends nothing again when nothing changed, and starts first what it knows to be long", async () => {
    const slow = 'import test from "node:test";\ntest("slow", (t, done) => void setTimeout(done, 2500));\n';
    home.write(under("ws", { ...NODE_SUITE, "js/test/z-slow.test.js": slow }));
    const options = { cwd: home.path("ws") };
    const first = await home.run(["run", "--workers", "1", "--slots", "1"], options);
    const second = await home.run(["run", "--workers", "1", "--slots", "1"], options);
    expect([first.code, second.code], first.stderr + second.stderr).toEqual([0, 0]);
    expect(second.stderr).toContain("; 0.0 MB sent");
    const order = (text: string): string[] =>
      [...text.matchAll(/ok {2}node-test js\/test\/(\S)/g)].map((m) => m[1] ?? "");
    expect([order(first.stderr)[0], order(second.stderr)[0]]).toEqual(["a", "z"]);
  });
});

function under(folder: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
}
