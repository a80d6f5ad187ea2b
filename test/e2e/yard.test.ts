import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 90_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Task {
  task_id: string;
  state: string;
  reason: string | null;
  attempts: number;
}
interface Verified {
  tasks: number;
  results: number;
  lost: number;
  duplicated: number;
  ok: boolean;
}

const BENCHMARK = {
  type: "benchmark",
  priority: 1,
  config: { model: "bert-base-uncased", batch_sizes: [1, 2, 4, 8, 16], precision: "fp16", iterations: 100 },
  requirements: { hardware: ["cuda"], min_memory_gb: 8, min_cuda_compute: 7.5 },
  timeout_seconds: 1800,
  retry_policy: { max_retries: 3, retry_delay_seconds: 60 },
  dependencies: [],
};

const listed = (url: string): Promise<Task[]> =>
  home.json<Task[]>(["tasks", "--coordinator", url, "--limit", "1000"]);
const shell = (line: string) => ({ type: "command", config: { shell: line } });

/** Each attempt leaves a file of its own, so that what really ran can be counted. */
function tasksThatCount(count: number, seconds: string): string {
  const line = `sleep ${seconds}; : > ${home.path("ran")}/$TESTYARD_TASK_ID.$TESTYARD_ATTEMPT`;
  home.write({ "ran/.keep": "" });
  const path = home.path("tasks.json");
  writeFileSync(path, JSON.stringify(Array.from({ length: count }, () => shell(line))));
  return path;
}

const attemptsThatRan = (): string[] => readdirSync(home.path("ran")).filter((name) => !name.startsWith("."));

async function submit(url: string, file: string): Promise<string[]> {
  const answer = await home.json<{ task_ids: string[] }>(["submit", "--task", file, "--coordinator", url]);
  expect(answer).toHaveProperty("task_ids");
  return answer.task_ids;
}

describe("a yard of processes", () => {
  it("takes the model benchmark as it is written and says why it waits", async () => {
    const { url } = await home.coordinator();
    await home.worker(url, "w1");
    home.write({ "task.json": JSON.stringify(BENCHMARK) });
    const [id = ""] = await submit(url, home.path("task.json"));
    const task = await home.json<Task & { explanation: { workers: { reasons: { asked: string }[] }[] } }>([
      "task",
      id,
      "--coordinator",
      url,
    ]);
    expect(task).toMatchObject({ state: "queued", reason: expect.stringContaining("cuda") });
    expect(task.explanation.workers[0]?.reasons.map(({ asked }) => asked)).toContain("cuda");
    const waited = await home.run([
      "run",
      "--attach",
      await runOf(url, id),
      "--placement-timeout",
      "1",
      "--coordinator",
      url,
    ]);
    expect(waited.code, waited.stderr).toBe(7);
    expect(waited.stdout).toContain("lacks hardware cuda");
  });

  it("refuses bad tasks with a pointer, exit 2, and JSON that says the same", async () => {
    const { url } = await home.coordinator();
    const args = ["submit", "--task", "-", "--coordinator", url, "--json"];
    const { code, stdout } = await home.run(args, { input: '{"type":"command","confg":{}}' });
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout) as { error: { details: { errors: unknown[] }; message: string } };
    expect(error.details.errors).toEqual([expect.objectContaining({ code: "unknown_field" })]);
    expect(error.message).toContain('did you mean "config"');
  });

  it("follows a command's log, ends as it ended, and shows the log afterwards", async () => {
    const { url } = await home.coordinator();
    await home.worker(url, "w1");
    const input = JSON.stringify(shell("echo first; echo second >&2; exit 3"));
    const followed = await home.run(["submit", "--task", "-", "--follow", "--coordinator", url], { input });
    expect(followed.code, followed.stderr).toBe(1);
    expect(followed.stdout).toContain("first\n");
    const [task] = await listed(url);
    const log = await home.run(["logs", task?.task_id ?? "", "--coordinator", url]);
    expect(log.stdout.split("\n").sort()).toEqual(["", "first", "second"]);
  });

  it("detaches on Ctrl-C, comes back to the verdict, and gives up waiting when told to", async () => {
    const { url } = await home.coordinator();
    await home.worker(url, "w1");
    const input = JSON.stringify({
      ...shell(`until test -e ${home.path("go")}; do sleep 0.1; done`),
      name: "gated",
    });
    const waiting = home.start(["submit", "--task", "-", "--wait", "--coordinator", url], { input });
    await eventually(
      () => listed(url),
      ([task]) => task?.state === "running",
    );
    waiting.child.kill("SIGINT");
    const detached = await waiting.ended;
    expect([detached.code, detached.stderr]).toEqual([130, expect.stringContaining("testyard attach ")]);
    const [, run = ""] = /attach (\w+)/.exec(detached.stderr) ?? [];
    const late = await home.run(
      ["submit", "--task", "-", "--wait", "--wait-timeout", "0.5", "--coordinator", url],
      { input },
    );
    expect(late.code, late.stderr).toBe(5);
    home.write({ go: "" });
    const back = await home.run(["attach", run, "--coordinator", url]);
    expect(back.code, back.stderr).toBe(0);
    expect(back.stdout).toContain("PASSED  1 passed");
  });

  it("cancels a running task at once", async () => {
    const { url } = await home.coordinator();
    await home.worker(url, "w1");
    home.write({ "task.json": JSON.stringify(shell("sleep 600")) });
    const [id = ""] = await submit(url, home.path("task.json"));
    await eventually(
      () => listed(url),
      ([task]) => task?.state === "running",
    );
    expect((await home.run(["cancel", id, "--coordinator", url])).code).toBe(0);
    expect((await listed(url))[0]?.state).toBe("cancelled");
    const again = await home.run(["cancel", id, "--coordinator", url]);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("task_ended")]);
  });

  it("loses and repeats nothing when a worker is killed", async () => {
    const { url } = await home.coordinator();
    const [doomed] = [await home.worker(url, "w1", ["--slots", "4"])];
    const ids = await submit(url, tasksThatCount(24, "0.3"));
    await eventually(
      () => listed(url),
      (tasks) => tasks.some(({ state }) => state === "completed"),
    );
    doomed.child.kill("SIGKILL");
    await doomed.ended;
    await home.worker(url, "w1", ["--slots", "4"]);
    await allComplete(url, ids.length);
    await verified(ids.length);
  });

  it("loses and repeats nothing when the coordinator is killed and starts again", async () => {
    const first = await home.coordinator();
    const port = new URL(first.url).port;
    await home.worker(first.url, "w1", ["--slots", "4", "--reconnect-interval", "0.2"]);
    const ids = await submit(first.url, tasksThatCount(24, "0.3"));
    await eventually(
      () => listed(first.url),
      (tasks) => tasks.some(({ state }) => state === "completed"),
    );
    first.child.kill("SIGKILL");
    await first.ended;
    const again = home.start(["coordinator", "--port", port, "--data-dir", home.path("yard")]);
    await again.says(/coordinator at/);
    await allComplete(first.url, ids.length);
    await verified(ids.length);
    // No attempt was restarted for the coordinator's sake.
    expect(attemptsThatRan().every((name) => name.endsWith(".1"))).toBe(true);
  });

  it("drains on the first SIGTERM and stops on the second", async () => {
    const { url } = await home.coordinator();
    const worker = await home.worker(url, "w1");
    home.write({ "task.json": JSON.stringify(shell("sleep 1; echo done")) });
    await submit(url, home.path("task.json"));
    await eventually(
      () => listed(url),
      ([task]) => task?.state === "running",
    );
    worker.child.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
    expect((await listed(url))[0]).toMatchObject({ state: "completed", attempts: 1 });
    const other = await home.worker(url, "w2");
    home.write({ "task.json": JSON.stringify(shell("sleep 600")) });
    await submit(url, home.path("task.json"));
    await eventually(
      () => listed(url),
      ([task]) => task?.state === "running",
    );
    other.child.kill("SIGTERM");
    await other.says(/once more/);
    other.child.kill("SIGTERM");
    expect((await other.ended).code).toBe(0);
  });
});

describe("a coordinator that cannot start", () => {
  const refused = async (args: readonly string[]): Promise<{ code: number | null; stderr: string }> => {
    const { code, stderr } = await home.run(["coordinator", ...args]);
    return { code, stderr };
  };

  it("says that the port is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const ended = await refused(["--port", String(port), "--data-dir", home.path("yard")]);
    server.close();
    expect(ended).toEqual({ code: 3, stderr: expect.stringContaining(`[port_taken] port ${port}`) });
  });

  it("leaves a results file alone that is not its own", async () => {
    home.write({ "other.duckdb": "this is no database" });
    const ended = await refused(["--port", "0", "--db-path", home.path("other.duckdb")]);
    expect(ended).toEqual({ code: 3, stderr: expect.stringMatching(/error \[results_\w+\]/) });
    expect(home.read("other.duckdb")).toBe("this is no database");
  });

  it("leaves a data directory alone that a living coordinator uses", async () => {
    const first = await home.coordinator();
    const ended = await refused(["--port", "0", "--data-dir", home.path("yard")]);
    expect(ended.code).toBe(3);
    expect(ended.stderr).toContain("[log_in_use]");
    expect(ended.stderr).toContain(String(first.pid));
    expect((await listed(first.url)).length).toBe(0);
  });

  it("listens on loopback only", async () => {
    const ended = await refused(["--host", "0.0.0.0", "--data-dir", home.path("yard")]);
    expect(ended).toEqual({ code: 2, stderr: expect.stringContaining("[beyond_loopback]") });
  });
});

it("ends with 3 where no coordinator answers, and with 4 without its key", async () => {
  const nobody = await home.run(["tasks", "--coordinator", "http://127.0.0.1:9"]);
  expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining("[unreachable]")]);
  const { url } = await home.coordinator();
  const key = "0".repeat(64);
  const wrong = await home.run(["submit", "--task", "-", "--coordinator", url], {
    input: JSON.stringify(shell("true")),
    env: { TESTYARD_CLIENT_KEY: key },
  });
  expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining("[unauthorized]")]);
});

async function runOf(url: string, id: string): Promise<string> {
  return (await home.json<{ run_id: string }>(["task", id, "--coordinator", url])).run_id;
}

async function allComplete(url: string, count: number): Promise<void> {
  await eventually(
    () => listed(url),
    (tasks) => tasks.length === count && tasks.every(({ state }) => state === "completed"),
    60_000,
  );
}

async function verified(count: number): Promise<void> {
  const found = await home.json<Verified>(["verify", "--data-dir", home.path("yard")]);
  expect(found).toMatchObject({ tasks: count, lost: 0, duplicated: 0, ok: true });
  const ran = new Set(attemptsThatRan().map((name) => name.split(".")[0]));
  expect(ran.size).toBe(count);
}
