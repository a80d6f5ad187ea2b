import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 120_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Task {
  task_id: string;
  state: string;
}
const tasksOf = (url: string) => home.json<Task[]>(["tasks", "--coordinator", url, "--limit", "10000"]);
const completed = (tasks: Task[]) => tasks.filter(({ state }) => state === "completed");

async function submit(url: string, count: number): Promise<void> {
  const tasks = Array.from({ length: count }, () => ({ type: "command", config: { shell: "echo out" } }));
  writeFileSync(home.path("tasks.json"), JSON.stringify(tasks));
  const { code, stderr } = await home.run([
    "submit",
    "--task",
    home.path("tasks.json"),
    "--coordinator",
    url,
  ]);
  expect(code, stderr).toBe(0);
}

it("is taken under load, and what it held is there and goes on elsewhere", async () => {
  const first = await home.coordinator();
  await home.worker(first.url, "w1", ["--slots", "4"]);
  await submit(first.url, 250);
  await eventually(
    () => tasksOf(first.url),
    (tasks) => completed(tasks).length > 20,
  );
  const before = completed(await tasksOf(first.url));
  const data = ["--data-dir", home.path("yard")];
  const made = await home.json<{ tasks: number; results: number; cluster_id: string }>([
    "backup",
    home.path("copy"),
    "--with-keys",
    ...data,
  ]);
  const after = completed(await tasksOf(first.url));
  expect(made.tasks).toBe(250);
  expect(made.results).toBeGreaterThanOrEqual(before.length);
  expect(made.results).toBeLessThan(250);
  expect(after.length).toBeGreaterThan(before.length);
  expect(statSync(home.path("copy/client-key")).mode & 0o777).toBe(0o600);
  first.child.kill("SIGKILL");
  await first.ended;

  const there = ["--data-dir", home.path("elsewhere")];
  const restored = await home.json<{ cluster_id: string; results: number }>([
    "restore",
    home.path("copy"),
    ...there,
  ]);
  expect(restored).toMatchObject({ results: made.results });
  expect(restored.cluster_id).not.toBe(made.cluster_id);
  expect(await home.json(["verify", ...there])).toMatchObject({ ok: true, tasks: 250, lost: 0 });

  const port = new URL(first.url).port;
  const again = home.start(["coordinator", "--port", port, ...there]);
  await again.says(/coordinator at/);
  const states = new Map((await tasksOf(first.url)).map(({ task_id, state }) => [task_id, state]));
  for (const { task_id } of before) expect(states.get(task_id)).toBe("completed");
  const log = await home.run(["logs", before[0]?.task_id ?? "", "--coordinator", first.url]);
  expect(log.stdout).toBe("out\n");
  // The worker of the former yard, with its key: to it this is another one, and it works for it.
  await submit(first.url, 1);
  await eventually(
    () => tasksOf(first.url),
    (tasks) => tasks.length === 251 && completed(tasks).length === 251,
    60_000,
  );
  expect(await home.json(["verify", ...there])).toMatchObject({ ok: true, tasks: 251, open: 0 });
});

it("of a stopped yard leaves the key out unless asked, and the restored yard makes another", async () => {
  const first = await home.coordinator();
  first.child.kill("SIGTERM");
  await first.ended;
  const key = readFileSync(home.path("yard/client-key"), "utf8");
  const taken = await home.run(["backup", home.path("copy"), "--data-dir", home.path("yard")]);
  expect([taken.code, existsSync(home.path("copy/client-key"))]).toEqual([0, false]);
  expect((await home.run(["restore", home.path("copy"), "--data-dir", home.path("new")])).code).toBe(0);
  const again = home.start(["coordinator", "--port", "0", "--data-dir", home.path("new")]);
  await again.says(/coordinator at/);
  expect(readFileSync(home.path("new/client-key"), "utf8")).not.toBe(key);
});

it("is refused where something is, when it is not whole, and when it is not what was saved", async () => {
  const first = await home.coordinator();
  await submit(first.url, 3);
  first.child.kill("SIGTERM");
  await first.ended;
  const data = ["--data-dir", home.path("yard")];
  const refused = async (args: string[]) => {
    const { code, stderr } = await home.run(args);
    return [code, /\[(\w+)\]/.exec(stderr)?.[1]];
  };
  expect(await refused(["backup", home.path("yard"), ...data])).toEqual([3, "target_not_empty"]);
  expect(await refused(["backup", home.path("copy"), "--data-dir", home.path("no")])).toEqual([
    3,
    "log_missing",
  ]);
  expect((await home.run(["backup", home.path("copy"), ...data])).code).toBe(0);
  expect(await refused(["restore", home.path("copy"), ...data])).toEqual([3, "target_not_empty"]);
  const target = ["--data-dir", home.path("new")];
  expect(await refused(["restore", home.path("yard"), ...target])).toEqual([3, "backup_incomplete"]);
  home.write({ "copy/blobs/objects/aa/more": "foreign" });
  expect(await refused(["restore", home.path("copy"), ...target])).toEqual([3, "backup_damaged"]);
  const manifest = readFileSync(home.path("copy/backup.json"), "utf8");
  const planted = {
    path: "client-key",
    size_bytes: 3,
    sha256: createHash("sha256").update("key").digest("hex"),
  };
  home.write({ "copy/client-key": "key" });
  for (const file of [planted, { ...planted, path: "log/../../client-key" }, { path: 5 }, null]) {
    const { files, ...facts } = JSON.parse(manifest) as { files: unknown[] };
    home.write({ "copy/backup.json": JSON.stringify({ ...facts, files: [...files, file] }) });
    const { code, stderr } = await home.run(["restore", home.path("copy"), ...target]);
    expect([code, stderr]).toEqual([3, expect.stringMatching(/backup_damaged.*names what no backup holds/)]);
  }
  rmSync(home.path("copy/client-key"));
  home.write({ "copy/backup.json": manifest });
  const path = join(home.path("copy"), "log/data.mdb");
  const bytes = readFileSync(path);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  home.write({ "copy/blobs/objects/aa/more": "" });
  writeFileSync(path, bytes);
  expect(await refused(["restore", home.path("copy"), ...target])).toEqual([3, "backup_damaged"]);
  expect(existsSync(home.path("new"))).toBe(false);
});
