import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 120_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Task {
  task_id: string;
  run_id: string;
  state: string;
}

async function submit(url: string, line: string, more: object = {}): Promise<string> {
  home.write({ "task.json": JSON.stringify({ type: "command", config: { shell: line }, ...more }) });
  const answer = await home.json<{ task_ids: string[] }>([
    "submit",
    "--task",
    home.path("task.json"),
    "--coordinator",
    url,
  ]);
  return answer.task_ids[0] ?? "";
}

const task = (url: string, id: string) => home.json<Task>(["task", id, "--coordinator", url]);
const done = (url: string, id: string) =>
  eventually(
    () => task(url, id),
    ({ state }) => state === "completed" || state === "failed",
    90_000,
  );

describe("testyard logs", () => {
  it("prints, cuts, counts and searches what a task wrote, without a way to harm a terminal", async () => {
    const { url } = await home.coordinator();
    await home.worker(url, "w1");
    const line = "printf '\\033[31mred\\033[0m \\033]0;title\\007one\\ntwo\\nTHREE\\n'; exit 1";
    const id = await submit(url, line, { retry_policy: { max_retries: 1 } });
    const { run_id } = await done(url, id);
    const logs = async (...args: string[]) => {
      const { code, stdout, stderr } = await home.run(["logs", ...args, "--coordinator", url]);
      expect([code, stderr]).toEqual([0, expect.any(String)]);
      return stdout;
    };
    expect(await logs(id)).toBe("red one\ntwo\nTHREE\n");
    expect(await logs(id, "--color")).toContain("\u001b[31mred\u001b[0m one");
    expect(await logs(id, "--color")).not.toContain("title");
    expect(await logs(id, "--raw")).toContain("\u001b]0;title\u0007");
    expect(await logs(id, "--tail", "1")).toBe("THREE\n");
    expect(await logs(id, "--all-attempts", "--tail", "1")).toBe("THREE\nTHREE\n");
    expect(await logs(id, "--grep", "three", "-i")).toBe("3: THREE\n");
    expect(await logs("--run", run_id, "--grep", "two")).toBe(`${id}/1:2: two\n${id}/2:2: two\n`);
    const found = JSON.parse(await logs(id, "--grep", "two", "--json")) as unknown[];
    expect(found).toMatchObject([{ task_id: id, attempt: 2, line: 2, text: "two" }]);
    const wrong = await home.run(["logs", "--run", run_id, "--coordinator", url]);
    expect(wrong.code).toBe(2);
  });

  it("reads what was written before worker and coordinator were killed", async () => {
    const first = await home.coordinator();
    const worker = await home.worker(first.url, "w1");
    const id = await submit(first.url, "echo before the end; sleep 600");
    const log = async (url: string) => (await home.run(["logs", id, "--coordinator", url])).stdout;
    await eventually(
      () => log(first.url),
      (text) => text === "before the end\n",
    );
    for (const program of [worker, first]) program.child.kill("SIGKILL");
    await Promise.all([worker.ended, first.ended]);
    const second = await home.coordinator();
    expect(await log(second.url)).toBe("before the end\n");
  });
});
