import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 90_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Listed {
  attempt: number;
  path: string;
  size_bytes: number;
}

it("keeps the files of every attempt, and gives them back by the command line", async () => {
  const { url } = await home.coordinator();
  await home.worker(url, "w1");
  const line = "mkdir -p out; echo $TESTYARD_ATTEMPT > out/n; head -c 300000 /dev/urandom > out/r; exit 1";
  const task = { type: "command", config: { shell: line }, artifacts: ["out/"] };
  home.write({ "task.json": JSON.stringify({ ...task, retry_policy: { max_retries: 1 } }) });
  const there = ["--coordinator", url];
  const submitted = await home.run([
    "submit",
    "--task",
    home.path("task.json"),
    "--wait",
    "--json",
    ...there,
  ]);
  expect(submitted.code).toBe(1);
  const [task_id = ""] = (await home.json<{ task_id: string }[]>(["tasks", ...there])).map(
    (each) => each.task_id,
  );
  const listed = await home.json<Listed[]>(["artifacts", task_id, ...there]);
  expect(listed.map(({ attempt, path }) => `${attempt} ${path}`)).toEqual([
    "1 out/n",
    "1 out/r",
    "2 out/n",
    "2 out/r",
  ]);
  const dir = home.path("got");
  const got = await home.run(["artifacts", task_id, "--attempt", "2", "--download", dir, ...there]);
  expect([got.code, got.stderr]).toEqual([0, expect.stringContaining("2 of 2")]);
  expect(home.read("got/attempt-2/out/n")).toBe("2\n");
  expect(existsSync(home.path("got/attempt-1"))).toBe(false);
});

it("copies them out of a yard that goes with its run", async () => {
  home.write({ "ws/make.sh": "mkdir out; echo kept > out/a.txt\n" });
  const args = ["run", "--command", "sh make.sh", "--artifacts", "out/", "--report", "json"];
  const { code, stderr } = await home.run(args, { cwd: home.path("ws") });
  expect(code, stderr).toBe(0);
  expect(stderr).toContain("artifacts: 1 in testyard-report/artifacts");
  const { tasks } = JSON.parse(home.read("ws/testyard-report/report.json")) as {
    tasks: { task_id: string }[];
  };
  const place = `ws/testyard-report/artifacts/${tasks[0]?.task_id}/attempt-1/out/a.txt`;
  expect(home.read(place)).toBe("kept\n");
});
