import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually, Home } from "./program.testing.ts";

vi.setConfig({ testTimeout: 120_000 });

let home: Home;
beforeEach(() => {
  home = new Home();
});
afterEach(() => home.remove());

interface Scrubbed {
  ok: boolean;
  blobs: number;
  lost: { role: string; task_id: string; path: string | null }[];
  damaged: { hash: string }[];
}

const scrub = () => home.run(["scrub", "--data-dir", home.path("yard"), "--json"]);

it("names what is missing or damaged, and for whom; the outcome stands", async () => {
  const { url } = await home.coordinator();
  await home.worker(url, "w1");
  const line = "yes a | head -c 100000 > a; yes b | head -c 100000 > b";
  const task = { type: "command", config: { shell: line }, artifacts: ["?"] };
  home.write({ "task.json": JSON.stringify(task) });
  const there = ["--coordinator", url];
  const { task_ids } = await home.json<{ task_ids: string[] }>([
    "submit",
    "--task",
    home.path("task.json"),
    ...there,
  ]);
  const [id = ""] = task_ids;
  const state = async () => (await home.json<{ state: string }>(["task", id, ...there])).state;
  await eventually(state, (value) => value === "completed");
  const whole = await scrub();
  expect([whole.code, (JSON.parse(whole.stdout) as Scrubbed).ok]).toEqual([0, true]);

  const hashOf = (letter: string) => createHash("sha256").update(`${letter}\n`.repeat(50_000)).digest("hex");
  const fileOf = (hash: string) => home.path("yard/blobs/objects", hash.slice(0, 2), hash.slice(2));
  rmSync(fileOf(hashOf("a")));
  const bytes = readFileSync(fileOf(hashOf("b")));
  bytes.writeUInt8(bytes.readUInt8(50_000) ^ 1, 50_000);
  writeFileSync(fileOf(hashOf("b")), bytes);
  const { code, stdout } = await scrub();
  const found = JSON.parse(stdout) as Scrubbed;
  expect(code).toBe(3);
  expect(found.damaged.map(({ hash }) => hash)).toEqual([hashOf("b")]);
  expect(found.lost.map(({ role, task_id, path }) => [role, task_id, path])).toEqual([
    ["artifact", id, "a"],
    ["artifact", id, "b"],
  ]);
  const gone = await fetch(`${url}/api/tasks/${id}/attempts/1/artifacts/a`);
  expect([gone.status, await gone.json()]).toEqual([410, expect.objectContaining({ code: "blob_missing" })]);
  expect(await state()).toBe("completed");
});
