import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 120_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Report {
  totals: { cases: number; passed: number; reused: number };
  verdict: { result: string; exit_code: number };
  workers: unknown[];
  tasks: { name: string; task_id: string }[];
  cases: { file: string; outcome: string; reused_from: { run_id: string; task_id: string } | null }[];
  run: { run_id: string };
}

const SUITE = {
  "ws/package.json": JSON.stringify({ type: "module", scripts: { test: "node --test" } }),
  "ws/src/a.js": "export const a = 1;\n",
  "ws/test/a.test.js":
    'import test from "node:test"; import { a } from "../src/a.js";\ntest("a", () => void a);\n',
  "ws/test/b.test.js": 'import test from "node:test";\ntest("b", () => {});\n',
  "ws/test/z.test.js": 'import test from "node:test";\ntest("z", () => {});\n',
};
const FAILING = 'import test from "node:test";\ntest("z", () => { throw new Error("no"); });\n';

const git = (...args: string[]): void =>
  void execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], {
    cwd: home.path("ws"),
    stdio: "pipe",
  });

async function run(...args: string[]): Promise<{ report: Report; code: number | null; stderr: string }> {
  const { stdout, stderr, code } = await home.run(["run", "--json", ...args], { cwd: home.path("ws") });
  return { report: JSON.parse(stdout) as Report, code, stderr };
}

const filesOf = ({ cases }: Report): string[] => cases.map(({ file }) => file).sort();

describe("testyard run --only-changed", () => {
  it("runs the tests that a change can touch, and ends well when there are none", async () => {
    home.write(SUITE);
    git("init", "-q");
    git("add", "-A");
    git("commit", "-q", "-m", "first");
    const none = await run("--only-changed", "--report", "json");
    expect([none.code, none.report.verdict.result]).toEqual([0, "passed"]);
    // A report like any other, where a CI looks for it.
    expect(JSON.parse(home.read("ws/testyard-report/report.json"))).toEqual(none.report);
    home.write({ "ws/src/a.js": "export const a = 2;\n" });
    const some = await run("--only-changed");
    expect(some.code, some.stderr).toBe(0);
    expect(filesOf(some.report)).toEqual(["test/a.test.js"]);
    expect(some.stderr).toContain("1 of 3 files");
  });

  it("outside git says so and runs nothing", async () => {
    home.write(SUITE);
    const { code, stdout } = await home.run(["run", "--only-changed", "--json"], { cwd: home.path("ws") });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ exit_code: 2, error: { code: "usage" } });
  });
});

describe("testyard run --reuse", () => {
  it("takes over what passed with the same inputs, and runs all again when the tree changed", async () => {
    home.write(SUITE);
    const first = await run("--reuse");
    expect(first.report.totals).toMatchObject({ cases: 3, passed: 3, reused: 0 });
    const second = await run("--reuse");
    expect(second.code, second.stderr).toBe(0);
    expect(second.report.totals).toMatchObject({ cases: 3, passed: 3, reused: 3 });
    expect(second.report.workers).toEqual([]);
    expect(second.report.cases.map(({ reused_from }) => reused_from?.run_id)).toEqual(
      Array(3).fill(first.report.run.run_id),
    );
    home.write({ "ws/src/a.js": "export const a = 2;\n" });
    expect((await run("--reuse")).report.totals).toMatchObject({ cases: 3, reused: 0 });
  });

  it("runs again what failed, and only that", async () => {
    home.write({ ...SUITE, "ws/test/z.test.js": FAILING });
    const first = await run("--reuse");
    expect(first.code).toBe(1);
    const second = await run("--reuse");
    expect(second.code).toBe(1);
    const ran = second.report.cases.filter(({ reused_from }) => reused_from === null);
    expect(ran.map(({ file }) => file)).toEqual(["test/z.test.js"]);
  });
});

describe("testyard run --order fail-fast", () => {
  it("starts what failed in the last run before all others", async () => {
    home.write({ ...SUITE, "ws/test/z.test.js": FAILING });
    await run();
    const { stderr, code } = await home.run(
      ["run", "--order", "fail-fast", "--workers", "1", "--slots", "1"],
      {
        cwd: home.path("ws"),
      },
    );
    expect(code).toBe(1);
    // Alone in the first of two tasks; without the flag the three short files are one.
    expect(stderr).toMatch(/^\[1\/2\] failed +node-test test\/z\.test\.js /m);
  });
});
