import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 90_000 });

let home: Home;
let url: string;
beforeEach(async () => {
  home = new Home();
  url = (await home.coordinator()).url;
});
afterEach(() => home.remove());

const at = (...args: string[]) => [...args, "--coordinator", url];
const shell = (line: string, more: object = {}) => ({ type: "command", config: { shell: line }, ...more });

async function submit(...tasks: object[]): Promise<{ run_id: string; task_ids: string[] }> {
  home.write({ "tasks.json": JSON.stringify(tasks) });
  return home.json(at("submit", "--task", home.path("tasks.json")));
}

describe("operations on a yard", () => {
  it("repeats what failed of a run, and ends with its verdict", async () => {
    await home.worker(url, "w1");
    const marker = home.path("mended");
    const { run_id, task_ids } = await submit(shell("true"), shell(`test -e ${marker}`));
    const attached = await home.run(at("run", "--attach", run_id));
    expect(attached.code, attached.stderr).toBe(1);
    const still = await home.run(at("retry", "--failed", run_id));
    expect(still.code, still.stderr).toBe(1);
    home.write({ mended: "" });
    const again = await home.run(at("retry", "--failed", run_id));
    expect(again.code, again.stderr).toBe(0);
    const [run] = await home.json<{ state: string; total: number }[]>(at("runs"));
    expect(run).toMatchObject({ state: "passed", total: 4 });
    const nothing = await home.run(at("retry", "--failed", run_id, "--detach"));
    expect(nothing).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing of run") });
    const passed = await home.run(at("retry", task_ids[0] ?? ""));
    expect(passed).toMatchObject({ code: 2, stderr: expect.stringContaining("task_passed") });
    const forced = await home.run(at("retry", task_ids[0] ?? "", "--force"));
    expect(forced.code, forced.stderr).toBe(0);
  });

  it("drains a worker: what it holds ends, nothing new comes, and explain says so", async () => {
    await home.worker(url, "w1");
    const gate = home.path("gate");
    await submit(shell(`while ! test -e ${gate}; do sleep 0.1; done`));
    const held = () => home.json<{ busy: number }[]>(at("workers"));
    await eventually(held, ([worker]) => worker?.busy === 1);
    const late = await home.run(at("drain", "w1", "--wait", "--timeout", "1", "--reason", "new disk"));
    expect(late.code, late.stderr).toBe(5);
    const { task_ids } = await submit(shell("true"));
    const explained = await home.run(at("explain", task_ids[0] ?? ""));
    expect(explained.stdout).toContain("cordoned: new disk");
    const draining = home.start(at("drain", "w1", "--wait"));
    await draining.says(/w1 holds 1/);
    home.write({ gate: "" });
    expect((await draining.ended).code).toBe(0);
    expect((await home.run(at("cordon", "w2"))).stderr).toContain('did you mean "w1"');
    expect((await home.run(at("uncordon", "w1"))).code).toBe(0);
    const task = () => home.json<{ state: string }>(at("task", task_ids[0] ?? ""));
    await eventually(task, ({ state }) => state === "completed");
    const ran = await home.run(at("explain", task_ids[0] ?? ""));
    expect(ran.stdout).toMatch(
      /completed: ended as completed on w1 with attempt 1, after [\d.]+ s for a worker/,
    );
  });
});
