import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openBlobReader, openBlobStore } from "./index.ts";
import type { BlobStore, SweepLine, SweepReport } from "./index.ts";

const DAY = 86_400_000;
let dir = "";
let store: BlobStore;
let now = 0;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "testyard-sweep-"));
  store = await openBlobStore({ dir });
  now = Date.now();
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true, force: true });
});

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function reopen(): Promise<void> {
  await store.close();
  store = await openBlobStore({ dir });
}

/** A new process writes a pack of its own; the files before are `days` old then. */
async function age(days: number): Promise<void> {
  await reopen();
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  for (const entry of names.filter((each) => each.isFile() && !each.parentPath.includes("index"))) {
    const time = (now - days * DAY) / 1000;
    await utimes(join(entry.parentPath, entry.name), time, time);
  }
}

async function sweep(named: readonly string[], { keeps = () => true as boolean } = {}): Promise<SweepReport> {
  const reader = openBlobReader(dir);
  const lines: SweepLine[] = [];
  const options = { isNamed: (hash: string) => named.includes(hash), isKept: keeps, now, graceMs: DAY };
  for await (const line of reader.plan(options)) lines.push(line);
  await reader.close();
  async function* all() {
    yield* lines;
  }
  return store.sweep(all(), { now, graceMs: DAY });
}

const packs = async () => (await readdir(join(dir, "packs"))).length;

describe("a blob that nothing names", () => {
  test.each([
    ["small", 1_000],
    ["large", 200_000],
  ])("goes a day after it was found so, and frees its bytes: %s", async (_, size) => {
    const dead = await store.put(randomBytes(size));
    await age(2);
    expect(await sweep([])).toMatchObject({ condemned: 1, freed_bytes: 0 });
    expect(await store.get(dead)).toHaveLength(size);
    now += DAY + 1;
    const report = await sweep([]);
    expect(report.freed_bytes).toBeGreaterThanOrEqual(size);
    await expect(store.get(dead)).rejects.toMatchObject({ code: "blob_missing" });
    await reopen();
    expect(store.has(dead)).toBe(false);
  });

  test("stays when it is younger than a day", async () => {
    const young = await store.put(randomBytes(200_000));
    await store.put(randomBytes(10));
    expect(await sweep([])).toMatchObject({ condemned: 0 });
    expect(store.missing([young])).toEqual([]);
  });

  test("is spared when somebody names it within the day", async () => {
    const hash = await store.put(randomBytes(1_000));
    await age(2);
    await sweep([]);
    expect(store.missing([hash])).toEqual([hash]);
    now += DAY + 1;
    await sweep([hash]);
    expect(store.missing([hash])).toEqual([]);
    now += 1;
    expect(await sweep([])).toMatchObject({ condemned: 1, freed_bytes: 0 });
  });

  test.each([
    ["small", 1_000],
    ["large", 200_000],
  ])("that is sent again after it was condemned survives in its new copy: %s", async (_, size) => {
    const bytes = randomBytes(size);
    const hash = await store.put(bytes);
    await age(2);
    await sweep([]);
    expect(store.missing([hash])).toEqual([hash]);
    await store.put(bytes);
    expect(store.missing([hash])).toEqual([]);
    now += DAY + 1;
    await sweep([]);
    now -= DAY;
    expect(Buffer.from(await store.get(hash)).equals(bytes)).toBe(true);
    await reopen();
    expect(Buffer.from(await store.get(hash)).equals(bytes)).toBe(true);
  });
});

describe("a pack", () => {
  test("with little that counts is copied and deleted, and everything named is still read", async () => {
    const keep = [randomBytes(500), randomBytes(300)];
    for (const bytes of keep) await store.put(bytes);
    for (let i = 0; i < 40; i += 1) await store.put(randomBytes(1_000));
    const log = { task_id: "t", attempt: 1 };
    await store.appendLog(log, 0, Buffer.from("hello "));
    await store.appendLog(log, 6, Buffer.from("world"));
    const gone = { task_id: "old", attempt: 1 };
    await store.appendLog(gone, 0, randomBytes(2_000));
    await age(2);
    const named = keep.map(sha);
    const keeps = ({ task_id }: { task_id: string }) => task_id === "t";
    const options = { keeps: keeps as () => boolean };
    await sweep(named, options);
    now += DAY + 1;
    const report = await sweep(named, options);
    expect(report).toMatchObject({ removed_packs: 1 });
    expect(report.freed_bytes).toBeGreaterThan(40_000);
    expect(await packs()).toBe(1);
    for (let round = 0; round < 3; round += 1) {
      for (const bytes of keep) expect(Buffer.from(await store.get(sha(bytes))).equals(bytes)).toBe(true);
      expect(Buffer.from(await store.readLog(log, { from: 0 })).toString()).toBe("hello world");
      expect(store.logSize(gone)).toBe(0);
      await store.close();
      if (round === 1) await rm(join(dir, "index"), { recursive: true });
      store = await openBlobStore({ dir });
    }
    await store.appendLog(log, 11, Buffer.from("!"));
    expect(store.logSize(log)).toBe(12);
  });

  test("of which more than half counts is left as it is", async () => {
    const keep = await store.put(randomBytes(3_000));
    await store.put(randomBytes(1_000));
    await age(2);
    await sweep([keep]);
    now += DAY + 1;
    expect(await sweep([keep])).toMatchObject({ removed_packs: 0 });
  });

  test("with damage in what is named is left for whoever can mend it", async () => {
    const bytes = randomBytes(500);
    const keep = await store.put(bytes);
    for (let i = 0; i < 10; i += 1) await store.put(randomBytes(1_000));
    await age(2);
    const { readFile, writeFile } = await import("node:fs/promises");
    const path = join(dir, "packs", (await readdir(join(dir, "packs")))[0] ?? "");
    const content = await readFile(path);
    const at = content.indexOf(bytes);
    content.writeUInt8(content.readUInt8(at) ^ 1, at);
    await writeFile(path, content);
    await utimes(path, (now - 2 * DAY) / 1000, (now - 2 * DAY) / 1000);
    await sweep([keep]);
    now += DAY + 1;
    expect(await sweep([keep])).toMatchObject({ removed_packs: 0 });
  });
});
