// Leaving a wait and coming back to it, whatever happens to the coordinator meanwhile.
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Home, type Started } from "./program.testing.ts";

vi.setConfig({ testTimeout: 120_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

/** Tasks that end when the file `go` is there: the first well, the second badly. */
async function gatedRun(url: string): Promise<string> {
  const gate = `until test -e ${home.path("go")}; do sleep 0.1; done`;
  const tasks = ["true", "false"].map((end) => ({ type: "command", config: { shell: `${gate}; ${end}` } }));
  const args = ["submit", "--task", "-", "--coordinator", url, "--json"];
  const { stdout } = await home.run(args, { input: JSON.stringify(tasks) });
  return (JSON.parse(stdout) as { run_id: string }).run_id;
}

async function killed({ child, ended }: Started): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}

async function startedAgain(url: string): Promise<Started> {
  const { port } = new URL(url);
  const again = home.start(["coordinator", "--port", port, "--data-dir", home.path("yard")]);
  await again.says(/coordinator at/);
  return again;
}

it("waits through a coordinator's death, and finds the same verdict after the next one", async () => {
  const coordinator = await home.coordinator();
  const { url } = coordinator;
  await home.worker(url, "w1", ["--slots", "2", "--reconnect-interval", "0.2"]);
  const run = await gatedRun(url);
  const waiting = home.start(["attach", run, "--coordinator", url, "--json"]);
  await waiting.says(/live at/);
  await killed(coordinator);
  await waiting.says(/waiting for the coordinator/);
  const second = await startedAgain(url);
  await waiting.says(/the coordinator is back/);
  home.write({ go: "" });
  const { code, stdout, stderr } = await waiting.ended;
  expect(code, stderr).toBe(1);
  await killed(second);
  await startedAgain(url);
  const later = await home.run(["attach", run, "--coordinator", url, "--json"]);
  expect(later.code, later.stderr).toBe(1);
  const essence = (text: string): unknown => {
    const { verdict, totals } = JSON.parse(text) as { verdict: unknown; totals: Record<string, unknown> };
    return { verdict, passed: totals["passed"], failed: totals["failed"], cases: totals["cases"] };
  };
  expect(essence(later.stdout)).toEqual(essence(stdout));
});

it.each(["SIGINT", "SIGTERM"] as const)("detaches on %s, and says how to come back", async (signal) => {
  const { url } = await home.coordinator();
  await home.worker(url, "w1", ["--slots", "2"]);
  const run = await gatedRun(url);
  const waiting = home.start(["attach", run, "--coordinator", url]);
  await waiting.says(/live at/);
  waiting.child.kill(signal);
  const detached = await waiting.ended;
  expect(detached.code).toBe(130);
  expect(detached.stderr).toContain(`testyard attach ${run} --coordinator ${url}`);
  const late = await home.run(["attach", run, "--coordinator", url, "--wait-timeout", "0.2"]);
  expect([late.code, late.stderr]).toEqual([5, expect.stringContaining("the wait timed out")]);
  home.write({ go: "" });
  const back = await home.run(["run", "--attach", run, "--coordinator", url]);
  expect(back.code, back.stderr).toBe(1);
});
