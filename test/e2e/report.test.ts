import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 180_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Report {
  run: { run_id: string };
  totals: { cases: number; passed: number; failed: number };
  previous: { run: { run_id: string }; counts: Record<string, number> } | null;
  hardware: unknown[];
  tasks: { attempts: { log_tail: string | null; hardware: string | null }[] }[];
  environment: Record<string, string>;
}

const PACKAGE = JSON.stringify({ type: "module", scripts: { test: "node --test" } });
const suite = (...bad: string[]) => ({
  "ws/package.json": PACKAGE,
  "ws/a.test.js": ["a", "b", "c"]
    .map(
      (name) => `test("${name}", () => { console.log("at ${name}"); assert.ok(${!bad.includes(name)}); });`,
    )
    .join("\n")
    .replace(/^/, 'import test from "node:test"; import assert from "node:assert/strict";\n'),
});
const parsed = (text: string) => JSON.parse(text) as Report;

describe("testyard report", () => {
  it("compares a run with the one before, and shows it again when its yard is gone", async () => {
    const ws = { cwd: home.path("ws") };
    home.write(suite("a"));
    const first = parsed((await home.run(["run", "--json"], ws)).stdout);
    expect(first.previous).toBeNull();
    expect(first.hardware).toHaveLength(1);
    expect(first.tasks[0]?.attempts[0]?.log_tail).toContain("at c");
    home.write(suite("b"));
    const second = await home.run(["run"], ws);
    expect(second.stdout).toContain(`since run ${first.run.run_id}`);
    expect(second.stdout).toContain("1 newly failing, 1 fixed");
    expect(second.stdout).toContain("newly failing: a.test.js > b");

    const again = await home.run(["report", "--report-dir", "out", "--json"], ws);
    expect(again.code, again.stderr).toBe(1);
    expect(parsed(again.stdout)).toMatchObject({ previous: { run: { run_id: first.run.run_id } } });
    expect(home.read("ws/out/report.html")).toContain("Content-Security-Policy");
    expect(home.read("ws/out/report.md")).toContain("### Since the previous run");
    expect((await home.run(["report", first.run.run_id], ws)).stdout).toContain("a.test.js > a");

    const compared = await home.run(["report", "compare", first.run.run_id, "out/report.json"], ws);
    expect(compared.code, compared.stderr).toBe(0);
    expect(compared.stdout).toMatch(/1 newly failing\n {2}a\.test\.js > b {2}passed → failed/);
    const merged = await home.run(["report", "merge", "out/report.json", "out/report.json", "--json"], ws);
    expect(merged.code).toBe(2);
    expect(JSON.parse(merged.stdout)).toMatchObject({ error: { code: "report_conflict" } });
    const alone = await home.run(["report", "merge", "out/report.json", "--json"], ws);
    expect(parsed(alone.stdout)).toMatchObject({ totals: { cases: 3, failed: 1 }, previous: null });
  });

  it("tells of a run of a yard that was started again since", async () => {
    home.write(suite("a"));
    const before = await home.coordinator();
    const worker = await home.worker(before.url, "w1");
    const at = (url: string) => ["--coordinator", url, "--data-dir", home.path("yard")];
    const run = await home.run(["run", "--json", ...at(before.url)], { cwd: home.path("ws") });
    const { run_id } = parsed(run.stdout).run;
    worker.child.kill("SIGKILL");
    before.child.kill("SIGKILL");
    await Promise.all([worker.ended, before.ended]);
    const { url } = await home.coordinator();
    const report = await home.run(["report", run_id, "--json", ...at(url)]);
    expect(report.code, report.stderr).toBe(1);
    expect(parsed(report.stdout)).toMatchObject({
      run: { run_id },
      totals: { cases: 3, passed: 2, failed: 1 },
      tasks: [{ framework: "node-test", attempts: [{ hardware: expect.any(String) as string }] }],
    });
    expect(parsed(report.stdout).tasks[0]?.attempts[0]?.log_tail).toContain("at c");
    const unknown = await home.run(["report", "nobody", ...at(url)]);
    expect(unknown.stderr).toContain("run_unknown");
  });

  it("makes every format of 100,000 cases within its limits of time and memory", async () => {
    const figures = await home.json<{ all_ms: number; max_rss_mb: number }>(["bench", "reports"]);
    // Ten seconds on a quiet machine; a busy one gets more.
    expect(figures.all_ms).toBeLessThan(50_000);
    expect(figures.max_rss_mb).toBeLessThan(512);
  });
});
