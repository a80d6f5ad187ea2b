import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 180_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Task {
  state: string;
  attempt_list: { log_bytes: number; error: { code: string } | null }[];
}

it("keeps 64 MiB of 1 GB, says so everywhere, and the worker stays small", async () => {
  const { url } = await home.coordinator();
  const worker = await home.worker(url, "w1");
  const line = "head -c 1000000000 /dev/zero | tr '\\0' 'x' | fold -w 99";
  home.write({ "task.json": JSON.stringify({ type: "command", config: { shell: line } }) });
  const there = ["--coordinator", url];
  const { task_ids } = await home.json<{ task_ids: string[] }>([
    "submit",
    "--task",
    home.path("task.json"),
    ...there,
  ]);
  const [id = ""] = task_ids;
  const { attempt_list, state } = await eventually(
    () => home.json<Task>(["task", id, ...there]),
    (task) => task.state === "completed" || task.state === "failed",
    150_000,
  );
  expect(state).toBe("completed");
  expect(attempt_list[0]?.error?.code).toBe("log_truncated");
  expect(attempt_list[0]?.log_bytes).toBeLessThan(64.1 * 1024 * 1024);
  const tail = await home.run(["logs", id, "--tail", "2", "--coordinator", url]);
  expect(tail.stdout).toContain("[testyard: the log is cut here; of one attempt 64 MiB are kept]");
  const status = readFileSync(`/proc/${worker.pid}/status`, "utf8");
  const peakKb = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]);
  console.info(`peak memory of the worker: ${Math.round(peakKb / 1024)} MiB`);
  expect(peakKb).toBeLessThan(400 * 1024);
});
