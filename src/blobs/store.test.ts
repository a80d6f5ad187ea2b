import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openBlobStore, realDisk } from "./index.ts";
import type { BlobStore, DiskIo, OpenBlobStoreOptions } from "./index.ts";

let dir = "";
let open_stores: BlobStore[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "testyard-blobs-"));
});
afterEach(async () => {
  for (const store of open_stores) await store.close().catch(() => undefined);
  open_stores = [];
  await rm(dir, { recursive: true, force: true });
});

async function openStore(options: Partial<OpenBlobStoreOptions> = {}): Promise<BlobStore> {
  const store = await openBlobStore({ dir, ...options });
  open_stores.push(store);
  return store;
}

const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const packPath = async (at = 0): Promise<string> => {
  const names = (await readdir(join(dir, "packs"))).toSorted();
  return join(dir, "packs", names.at(at) ?? "none");
};

/** Flips one bit in the middle of `needle` inside a file. */
async function damage(path: string, needle: Uint8Array): Promise<void> {
  const bytes = await readFile(path);
  const at = bytes.indexOf(needle);
  expect(at).toBeGreaterThan(-1);
  bytes.writeUInt8(bytes.readUInt8(at + (needle.length >> 1)) ^ 1, at + (needle.length >> 1));
  await writeFile(path, bytes);
}

function countingDisk(): DiskIo & { syncs: number } {
  return {
    syncs: 0,
    write: (...args) => realDisk.write(...args),
    async sync(handle) {
      this.syncs += 1;
      await realDisk.sync(handle);
    },
  };
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

describe("blobs", () => {
  it("gives back what was put, small and large, also after a restart", async () => {
    const first = await openStore();
    const small = randomBytes(100);
    const large = randomBytes(200_000);
    const empty = new Uint8Array();
    for (const bytes of [small, large, empty]) expect(await first.put(bytes)).toBe(sha(bytes));
    await first.close();
    const second = await openStore();
    for (const bytes of [small, large, empty]) {
      expect(second.has(sha(bytes))).toBe(true);
      expect(Buffer.from(await second.get(sha(bytes))).equals(bytes)).toBe(true);
    }
    const absent = sha(Buffer.from("absent"));
    expect(second.missing([sha(small), absent, sha(large), absent])).toEqual([absent]);
    await expect(second.get(absent)).rejects.toMatchObject({ code: "blob_missing" });
  });

  it("refuses bytes that are not the announced ones and keeps nothing of them", async () => {
    const store = await openStore();
    const announced = sha(Buffer.from("announced"));
    const other = Buffer.from("other");
    const big = randomBytes(100_000);
    await expect(store.put(other, { expected: announced })).rejects.toMatchObject({
      code: "blob_hash_mismatch",
    });
    const upload = store.putStream(chunks(big, 9_000), { expected: announced, limitBytes: 1e6 });
    await expect(upload).rejects.toMatchObject({ code: "blob_hash_mismatch" });
    expect(store.missing([announced, sha(other), sha(big)])).toHaveLength(3);
    expect(await readdir(join(dir, "tmp"))).toEqual([]);
    await expect(store.get("../../etc/passwd")).rejects.toMatchObject({ code: "blob_bad_key" });
  });

  it("takes streams of any size, stops at the limit, and streams ranges back", async () => {
    const store = await openStore();
    for (const size of [0, 10, 65_536, 65_537, 300_000]) {
      const bytes = randomBytes(size);
      const options = { expected: sha(bytes), limitBytes: 300_000 };
      expect(await store.putStream(chunks(bytes, 7_001), options)).toBe(sha(bytes));
      const blob = await store.openLarge(sha(bytes));
      expect(blob.sizeBytes).toBe(size);
      expect((await readAll(blob.stream())).equals(bytes)).toBe(true);
      expect((await readAll(blob.stream({ from: 5, to: 9 }))).equals(bytes.subarray(5, 9))).toBe(true);
    }
    for (const size of [20, 400_000]) {
      const bytes = randomBytes(size);
      const upload = store.putStream(chunks(bytes, 7_001), { expected: sha(bytes), limitBytes: size - 1 });
      await expect(upload).rejects.toMatchObject({ code: "blob_too_large" });
    }
    expect(await readdir(join(dir, "tmp"))).toEqual([]);
  });

  it("lets thousands of puts in one turn share a few flushes", async () => {
    const disk = countingDisk();
    const store = await openStore({ disk });
    const before = disk.syncs;
    const all = Array.from({ length: 5_000 }, (_, i) => Buffer.from(`blob ${i}`));
    const hashes = await Promise.all(all.map((bytes) => store.put(bytes)));
    // The pack itself, its directory, and the groups.
    expect(disk.syncs - before).toBeLessThanOrEqual(5);
    expect(store.missing(hashes)).toEqual([]);
  });

  it("acknowledges only after the flush", async () => {
    const order: string[] = [];
    const disk: DiskIo = {
      write: (...args) => realDisk.write(...args),
      async sync(handle) {
        await realDisk.sync(handle);
        order.push("flushed");
      },
    };
    const store = await openStore({ disk });
    await store.put(Buffer.from("first"));
    order.length = 0;
    const put = store.put(Buffer.from("second")).then(() => order.push("acknowledged"));
    expect(store.has(sha(Buffer.from("second")))).toBe(false);
    await put;
    expect(order).toEqual(["flushed", "acknowledged"]);
  });

  it("writes equal blobs put at once a single time", async () => {
    const store = await openStore();
    const bytes = randomBytes(1_000);
    await Promise.all(Array.from({ length: 50 }, () => store.put(bytes)));
    await store.put(bytes);
    expect((await stat(await packPath())).size).toBeLessThan(2_000);
  });

  it("starts a new pack when one is full", async () => {
    const store = await openStore({ packLimitBytes: 4_000 });
    const all = Array.from({ length: 8 }, () => randomBytes(2_000));
    for (const bytes of all) await store.put(bytes);
    expect(await readdir(join(dir, "packs"))).toHaveLength(4);
    for (const bytes of all) expect(Buffer.from(await store.get(sha(bytes))).equals(bytes)).toBe(true);
  });
});

describe("damage", () => {
  it.each([
    ["packed", 500],
    ["own file", 100_000],
  ])("reports a rotten blob (%s) once, then misses it, then takes it again", async (_kind, size) => {
    const store = await openStore();
    const bytes = randomBytes(size);
    const hash = await store.put(bytes);
    const path = size < 65_536 ? await packPath() : join(dir, "objects", hash.slice(0, 2), hash.slice(2));
    await damage(path, bytes.subarray(100, 200));
    await expect(store.get(hash)).rejects.toMatchObject({ code: "blob_corrupt" });
    expect(store.missing([hash])).toEqual([hash]);
    await expect(store.get(hash)).rejects.toMatchObject({ code: "blob_missing" });
    await store.put(bytes);
    expect(Buffer.from(await store.get(hash)).equals(bytes)).toBe(true);
  });

  it("fails a whole stream of a rotten large blob at its end", async () => {
    const store = await openStore();
    const bytes = randomBytes(300_000);
    const hash = await store.put(bytes);
    await damage(join(dir, "objects", hash.slice(0, 2), hash.slice(2)), bytes.subarray(0, 64));
    const blob = await store.openLarge(hash);
    await expect(readAll(blob.stream())).rejects.toMatchObject({ code: "blob_corrupt" });
    expect(store.has(hash)).toBe(false);
  });

  it("keeps every earlier blob whatever is torn off the end of the pack", async () => {
    const first = await openStore();
    const all = Array.from({ length: 20 }, () => randomBytes(50));
    const ends: number[] = [];
    for (const bytes of all) {
      await first.put(bytes);
      ends.push((await stat(await packPath())).size);
    }
    await first.close();
    const whole = await readFile(await packPath());
    const path = await packPath();
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length }), fc.uint8Array({ maxLength: 80 }), async (cut, junk) => {
        await writeFile(path, Buffer.concat([whole.subarray(0, cut), junk]));
        await rm(join(dir, "index"), { recursive: true, force: true });
        const store = await openBlobStore({ dir });
        const present = all.map((bytes) => store.has(sha(bytes)));
        await store.close();
        // Junk may by chance continue the entry it follows; it can never take one away.
        ends.forEach((end, i) => end <= cut && expect(present[i]).toBe(true));
        expect(present.filter(Boolean).length).toBeLessThanOrEqual(
          ends.filter((end) => end <= cut).length + 1,
        );
      }),
      { numRuns: 40 },
    );
  });

  it("skips rot in the middle of a pack and finds the entries behind it", async () => {
    const first = await openStore();
    const all = Array.from({ length: 5 }, () => randomBytes(300));
    for (const bytes of all) await first.put(bytes);
    await first.close();
    const path = await packPath();
    await damage(path, all[1] ?? Buffer.alloc(1));
    const bytes = await readFile(path);
    const third = bytes.indexOf(all[2] ?? Buffer.alloc(1));
    bytes.fill(0xff, third - 48, third - 40);
    await writeFile(path, bytes);
    await rm(join(dir, "index"), { recursive: true });
    const store = await openStore();
    expect(all.map((blob) => store.has(sha(blob)))).toEqual([true, false, false, true, true]);
  });

  it("does not take an entry from inside a blob for an entry of its own", async () => {
    const first = await openStore();
    await first.put(Buffer.from("inner"));
    await first.appendLog({ task_id: "victim", attempt: 1 }, 0, Buffer.from("forged"));
    await first.close();
    const entries = (await readFile(await packPath())).subarray(16);
    await rm(join(dir, "packs"), { recursive: true });
    const second = await openStore();
    const carrier = Buffer.concat([randomBytes(10), entries, randomBytes(10)]);
    await second.put(carrier);
    await second.close();
    // Rot in the carrier's header sends the scan searching through its content.
    const path = await packPath();
    const bytes = await readFile(path);
    bytes.fill(0, 16, 20);
    await writeFile(path, bytes);
    await rm(join(dir, "index"), { recursive: true });
    const third = await openStore();
    expect(third.logSize({ task_id: "victim", attempt: 1 })).toBe(0);
    expect(third.has(sha(Buffer.from("inner")))).toBe(false);
  });

  it.each(["deleted", "overwritten", "truncated", "another pack"])(
    "builds the index anew when it is %s",
    async (how) => {
      const first = await openStore();
      const blobs = Array.from({ length: 3_000 }, (_, i) => Buffer.from(`b${i}`));
      await Promise.all(blobs.map((bytes) => first.put(bytes)));
      await first.appendLog({ task_id: "t", attempt: 1 }, 0, Buffer.from("hello"));
      await first.close();
      const index = join(dir, "index", "index.lmdb");
      if (how === "deleted") await rm(join(dir, "index"), { recursive: true });
      if (how === "overwritten") await writeFile(index, randomBytes(100_000));
      if (how === "truncated") await truncate(index, 100);
      if (how === "another pack") {
        const handle = await open(await packPath(), "r+");
        await handle.truncate((await handle.stat()).size - 10);
        await handle.close();
      }
      const second = await openStore();
      expect(second.missing(blobs.map(sha))).toEqual([]);
      const log = Buffer.from(await second.readLog({ task_id: "t", attempt: 1 }, { from: 0 })).toString();
      expect(log).toBe(how === "another pack" ? "" : "hello");
    },
  );

  it("finds what a killed process had acknowledged, without a clean close", async () => {
    const killed = await openStore();
    const hash = await killed.put(Buffer.from("kept"));
    await killed.appendLog({ task_id: "t", attempt: 0 }, 0, Buffer.from("line"));
    // The next process opens while nothing of this one was closed; its index is a copy of its own.
    const next = await openStore({ indexDir: join(dir, "other-index") });
    expect(next.has(hash)).toBe(true);
    expect(next.logSize({ task_id: "t", attempt: 0 })).toBe(4);
  });

  it("opens what a killed process left, index and packs as they were in mid-life", async () => {
    const running = await openStore();
    const bytes = Array.from({ length: 200 }, (_, i) => Buffer.from(`n${i}`));
    await Promise.all(bytes.map((one) => running.put(one)));
    const left = join(dir, "left");
    await mkdir(left);
    for (const part of ["packs", "objects", "index"]) {
      await cp(join(dir, part), join(left, part), { recursive: true });
    }
    const inode = (await stat(join(left, "index", "index.lmdb"))).ino;
    const next = await openStore({ dir: left });
    expect(next.missing(bytes.map(sha))).toEqual([]);
    // The same boot: the page cache survived, and so the index is believed.
    expect((await stat(join(left, "index", "index.lmdb"))).ino).toBe(inode);
  });

  it("builds the index anew after a reboot that followed no clean close", async () => {
    const running = await openStore();
    const hash = await running.put(Buffer.from("kept"));
    const left = join(dir, "left");
    await mkdir(left);
    await cp(join(dir, "packs"), join(left, "packs"), { recursive: true });
    await cp(join(dir, "index"), join(left, "index"), { recursive: true });
    const session = join(left, "index", "session.json");
    const text = await readFile(session, "utf8");
    await writeFile(session, text.replace(/"boot_id":"[^"]*"/, '"boot_id":"another boot"'));
    const inode = (await stat(join(left, "index", "index.lmdb"))).ino;
    const next = await openStore({ dir: left });
    expect(next.has(hash)).toBe(true);
    expect((await stat(join(left, "index", "index.lmdb"))).ino).not.toBe(inode);
  });

  it("joins a log stream from packs whose chunks overlap", async () => {
    const one = await openStore({ indexDir: join(dir, "index-1") });
    const two = await openStore({ indexDir: join(dir, "index-2") });
    const key = { task_id: "t", attempt: 1 };
    await one.appendLog(key, 0, Buffer.from("0123"));
    // The sender never saw the answer and went on with another coordinator, from the start.
    await two.appendLog(key, 0, Buffer.from("012345"));
    await two.appendLog(key, 6, Buffer.from("6789"));
    const three = await openStore({ indexDir: join(dir, "index-3") });
    expect(Buffer.from(await three.readLog(key, { from: 0 })).toString()).toBe("0123456789");
    expect(Buffer.from(await three.readLog(key, { from: 5, to: 7 })).toString()).toBe("56");
  });

  it("sees after a refresh what another process wrote to the shared directory", async () => {
    const one = await openStore({ indexDir: join(dir, "index-1") });
    const two = await openStore({ indexDir: join(dir, "index-2") });
    const key = { task_id: "t", attempt: 1 };
    await one.put(Buffer.from("a"));
    await two.put(Buffer.from("b"));
    await one.appendLog(key, 0, Buffer.from("0123"));
    await two.refresh();
    expect(two.has(sha(Buffer.from("a")))).toBe(true);
    await two.appendLog(key, 4, Buffer.from("4567"));
    await one.refresh();
    await one.appendLog(key, 8, Buffer.from("89"));
    // Pack order is not stream order here: a rebuild must still join the stream.
    const three = await openStore({ indexDir: join(dir, "index-3") });
    expect(Buffer.from(await three.readLog(key, { from: 0 })).toString()).toBe("0123456789");
  });
});

describe("disk faults", () => {
  interface Faults {
    write?: Error;
    sync?: Error;
  }
  const errno = (code: string): Error => Object.assign(new Error(code), { code });
  function faultyDisk(faults: Faults): DiskIo {
    return {
      async write(handle, bytes, position) {
        if (faults.write === undefined) return realDisk.write(handle, bytes, position);
        await realDisk.write(handle, bytes.subarray(0, bytes.length >> 1), position);
        throw faults.write;
      },
      async sync(handle) {
        if (faults.sync !== undefined) throw faults.sync;
        await realDisk.sync(handle);
      },
    };
  }

  it.each([40, 100_000])("answers disk_full and works again once there is room (%i bytes)", async (size) => {
    const faults: Faults = {};
    const first = await openStore({ disk: faultyDisk(faults) });
    const before = randomBytes(size);
    const refused = randomBytes(size);
    await first.put(before);
    faults.write = errno("ENOSPC");
    await expect(first.put(refused)).rejects.toMatchObject({ code: "disk_full" });
    const append = first.appendLog({ task_id: "t", attempt: 1 }, 0, Buffer.from("x"));
    await expect(append).rejects.toMatchObject({ code: "disk_full" });
    delete faults.write;
    expect(first.missing([sha(before), sha(refused)])).toEqual([sha(refused)]);
    // However often it is tried, a full disk does not fill with the beginnings of packs.
    expect((await readdir(join(dir, "packs"))).length).toBeLessThanOrEqual(1);
    await first.put(refused);
    await first.appendLog({ task_id: "t", attempt: 1 }, 0, Buffer.from("yz"));
    await first.close();
    await rm(join(dir, "index"), { recursive: true });
    const second = await openStore();
    for (const bytes of [before, refused]) {
      expect(Buffer.from(await second.get(sha(bytes))).equals(bytes)).toBe(true);
    }
    expect(second.logSize({ task_id: "t", attempt: 1 })).toBe(2);
  });

  it.each([40, 100_000])("is dead after a failed flush, for every call (%i bytes)", async (size) => {
    const faults: Faults = {};
    const store = await openStore({ disk: faultyDisk(faults) });
    const held = await store.put(Buffer.from("held"));
    faults.sync = errno("EIO");
    await expect(store.put(randomBytes(size))).rejects.toMatchObject({ code: "disk_failed" });
    delete faults.sync;
    const dead = { code: "disk_failed" };
    await expect(store.put(Buffer.from("x"))).rejects.toMatchObject(dead);
    await expect(store.get(held)).rejects.toMatchObject(dead);
    await expect(store.appendLog({ task_id: "t", attempt: 1 }, 0, Buffer.from("x"))).rejects.toMatchObject(
      dead,
    );
    await expect(store.flushed()).rejects.toMatchObject(dead);
    expect(() => store.has(held)).toThrow(expect.objectContaining(dead));
  });
});

describe("log streams", () => {
  const key = { task_id: "task-1", attempt: 2 };

  it("drops what is held, extends, and refuses holes and contradictions", async () => {
    const store = await openStore();
    expect(await store.appendLog(key, 0, Buffer.from("hello "))).toEqual({ size: 6 });
    expect(await store.appendLog(key, 0, Buffer.from("hello "))).toEqual({ size: 6 });
    expect(await store.appendLog(key, 3, Buffer.from("lo world"))).toEqual({ size: 11 });
    const gap = store.appendLog(key, 12, Buffer.from("!"));
    await expect(gap).rejects.toMatchObject({ code: "log_gap", details: { expected_offset: 11 } });
    await expect(store.appendLog(key, 2, Buffer.from("XX"))).rejects.toMatchObject({ code: "log_conflict" });
    expect(Buffer.from(await store.readLog(key, { from: 4, to: 8 })).toString()).toBe("o wo");
    expect(Buffer.from(await store.readLog(key, { from: 0 })).toString()).toBe("hello world");
  });

  it("keeps streams with alike keys apart", async () => {
    const store = await openStore();
    const keys = [
      { task_id: "a", attempt: 0 },
      { task_id: "a", attempt: 1 },
      { task_id: "a", attempt: 256 },
      { task_id: "ab", attempt: 0 },
      { task_id: "b", attempt: 1 },
    ];
    await Promise.all(keys.map((k, i) => store.appendLog(k, 0, Buffer.alloc(i + 1, 65 + i))));
    for (const [i, k] of keys.entries()) {
      expect(Buffer.from(await store.readLog(k, { from: 0 }))).toEqual(Buffer.alloc(i + 1, 65 + i));
    }
    expect(store.logSize({ task_id: "a", attempt: 2 })).toBe(0);
    const bad = store.appendLog({ task_id: "a\0b", attempt: 0 }, 0, Buffer.from("x"));
    await expect(bad).rejects.toMatchObject({ code: "blob_bad_key" });
  });

  it("shares flushes between streams", async () => {
    const disk = countingDisk();
    const store = await openStore({ disk });
    await store.put(Buffer.from("pack exists"));
    const before = disk.syncs;
    const line = Buffer.from("line\n");
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => store.appendLog({ task_id: `t${i}`, attempt: 1 }, 0, line)),
    );
    expect(disk.syncs - before).toBeLessThanOrEqual(3);
  });

  it("equals a plain buffer under any overlapping appends and an index rebuild", async () => {
    const truth = randomBytes(400);
    const append = fc.record({ from: fc.nat({ max: 300 }), length: fc.nat({ max: 100 }) });
    let run = 0;
    const limits = { logChunkBytes: 16 };
    await fc.assert(
      fc.asyncProperty(fc.array(append, { maxLength: 12 }), async (appends) => {
        const stream = { task_id: `run-${run++}`, attempt: 1 };
        let size = 0;
        const first = await openBlobStore({ dir, limits });
        for (const { from, length } of appends) {
          const sending = first.appendLog(stream, from, truth.subarray(from, from + length));
          if (from > size) await expect(sending).rejects.toMatchObject({ code: "log_gap" });
          else expect((await sending).size).toBe((size = Math.max(size, from + length)));
        }
        await first.close();
        await rm(join(dir, "index"), { recursive: true });
        const second = await openBlobStore({ dir, limits });
        const held = Buffer.from(await second.readLog(stream, { from: 0 }));
        await second.close();
        expect(held.equals(truth.subarray(0, size))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

it("refuses calls after close and closes twice without harm", async () => {
  const store = await openStore();
  await Promise.all([store.close(), store.close()]);
  await expect(store.put(Buffer.from("late"))).rejects.toMatchObject({ code: "blob_store_closed" });
  expect(existsSync(join(dir, "index", "session.json"))).toBe(true);
});
