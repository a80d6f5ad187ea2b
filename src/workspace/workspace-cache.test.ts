import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
} from "node:fs";
import { rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeManifest, openWorkspaceCache, scanWorkspace, treeHashOf, uploadWorkspace } from "./index.ts";
import type { ManifestEntry, TreeMethod, WorkspaceCache } from "./index.ts";
import { hashOf } from "./manifest.ts";
import { Holder, makeTree, readTree, temporaryFolder } from "./test-support.ts";
import type { Node } from "./test-support.ts";

let base = "";
let holder = new Holder();
let nowMs = 0;
beforeEach(async () => {
  base = await temporaryFolder();
  holder = new Holder();
  nowMs = 1_000_000;
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const METHODS: TreeMethod[] = ["dependencies", "hardlink", "copy", "reflink"];
const TREE: Record<string, Node> = {
  "a.txt": "alpha",
  "src/b.txt": "beta",
  "src/deep/same.txt": "alpha",
  "bin/tool": { exec: "#!/bin/sh\n" },
  "bin/alias": { link: "tool" },
  "lib/exec-twin": { exec: "alpha" },
  "lib/up": { link: "../src" },
  empty: { dir: true },
};

function openCache(options: { linkMethod?: TreeMethod; limitBytes?: number } = {}): Promise<WorkspaceCache> {
  const { linkMethod, limitBytes = 1e9 } = options;
  const method = linkMethod === undefined ? {} : { linkMethod };
  return openWorkspaceCache({ dir: join(base, "cache"), limitBytes, now: () => nowMs, ...method });
}

let trees = 0;
async function upload(tree: Record<string, Node>): Promise<string> {
  const root = join(base, `source-${trees++}`);
  makeTree(root, tree);
  const scan = await scanWorkspace({ root });
  await uploadWorkspace({ scan, root, transport: holder });
  return scan.treeHash;
}

const prepare = (cache: WorkspaceCache, treeHash: string, more: { slot?: number; scope?: string } = {}) =>
  cache.prepare({ treeHash, slot: 0, scope: "run-1", fetcher: holder, ...more });

const blobPath = (text: string, variant: "r" | "x" = "r"): string => {
  const hash = hashOf(Buffer.from(text));
  return join(base, "cache", "blobs", hash.slice(0, 2), `${hash}.${variant}`);
};

describe.each(METHODS)("a workspace made by %s", (linkMethod) => {
  it("equals the source and fetches each content once", async () => {
    const cache = await openCache({ linkMethod });
    const treeHash = await upload(TREE);
    const made = await prepare(cache, treeHash);
    expect(readTree(made.dir)).toEqual(TREE);
    expect(made.reused).toBe(false);
    expect(new Set(holder.delivered).size).toBe(holder.delivered.length);
    expect(made.fetchedBytes).toBe(
      "alpha".length + "beta".length + 10 + (holder.blobs.get(treeHash)?.length ?? 0),
    );
  });

  it("is used again as it is within a scope, and made right for another", async () => {
    const cache = await openCache({ linkMethod });
    const treeHash = await upload(TREE);
    const { dir } = await prepare(cache, treeHash);
    makeTree(dir, { "left/behind.txt": "x", "src/new": "x", "src/__pycache__/x": "x" });
    const within = await prepare(cache, treeHash);
    expect(within).toMatchObject({ dir, reused: true, fetchedBytes: 0 });
    expect(existsSync(join(dir, "left/behind.txt"))).toBe(true);
    // Everything a test can do to a tree.
    rmSync(join(dir, "a.txt"));
    rmSync(join(dir, "src/deep"), { recursive: true });
    symlinkSync(base, join(dir, "src/deep"));
    writeFileSync(join(dir, "bin/tool.tmp"), "other");
    renameSync(join(dir, "bin/tool.tmp"), join(dir, "bin/tool"));
    rmSync(join(dir, "bin/alias"));
    symlinkSync("/etc/passwd", join(dir, "bin/alias"));
    rmSync(join(dir, "lib/up"));
    mkdirSync(join(dir, "lib/up"));
    rmSync(join(dir, "empty"), { recursive: true });
    chmodSync(join(dir, "lib"), 0o500);
    const delivered = holder.delivered.length;
    const after = await prepare(cache, treeHash, { scope: "run-2" });
    expect(after).toMatchObject({ dir, reused: true, fetchedBytes: 0 });
    expect(readTree(dir)).toEqual(TREE);
    expect(lstatSync(join(dir, "lib")).mode & 0o777).toBe(0o755);
    expect(holder.delivered).toHaveLength(delivered);
    expect(existsSync(join(base, "cache"))).toBe(true);
  });

  it("is repaired when a test altered a file in place, keeping size and mtime", async () => {
    const cache = await openCache({ linkMethod });
    const treeHash = await upload(TREE);
    const { dir } = await prepare(cache, treeHash);
    const other = await prepare(cache, treeHash, { slot: 1 });
    const { mtime } = statSync(join(dir, "a.txt"));
    chmodSync(join(dir, "a.txt"), 0o644);
    writeFileSync(join(dir, "a.txt"), "omega");
    utimesSync(join(dir, "a.txt"), mtime, mtime);
    await prepare(cache, treeHash, { scope: "run-2" });
    expect(readTree(dir)).toEqual(TREE);
    // The other slot may share the altered file; its next scope must not.
    await prepare(cache, treeHash, { scope: "run-2", slot: 1 });
    expect(readTree(other.dir)).toEqual(TREE);
    expect(readFileSync(blobPath("alpha"), "utf8")).toBe("alpha");
  });

  it("survives a restart: nothing is fetched, nothing is made twice", async () => {
    const first = await openCache({ linkMethod });
    const treeHash = await upload(TREE);
    const { dir } = await prepare(first, treeHash);
    await first.close();
    const inode = lstatSync(join(dir, "a.txt")).ino;
    const second = await openCache({ linkMethod });
    const delivered = holder.delivered.length;
    const again = await prepare(second, treeHash, { scope: "run-2" });
    const fresh = await prepare(second, treeHash, { scope: "run-2", slot: 7 });
    expect(again).toMatchObject({ reused: true, fetchedBytes: 0 });
    expect(fresh).toMatchObject({ reused: false, fetchedBytes: 0 });
    expect(lstatSync(join(dir, "a.txt")).ino).toBe(inode);
    expect(readTree(fresh.dir)).toEqual(TREE);
    expect(holder.delivered).toHaveLength(delivered);
  });

  it("is made anew when the process died half way", async () => {
    const first = await openCache({ linkMethod });
    const treeHash = await upload(TREE);
    const { dir } = await prepare(first, treeHash);
    // Killed without a close, in the middle of making: no record that it is ready.
    rmSync(join(dir, "..", "ready.json"));
    rmSync(join(dir, "a.txt"));
    makeTree(dir, { junk: "x" });
    const second = await openCache({ linkMethod });
    const again = await prepare(second, treeHash);
    expect(again).toMatchObject({ dir, reused: false, fetchedBytes: 0 });
    expect(readTree(dir)).toEqual(TREE);
  });
});

describe("blobs in the cache", () => {
  it("are read-only originals, shared by links, one file per mode", async () => {
    const cache = await openCache({ linkMethod: "hardlink" });
    const { dir } = await prepare(cache, await upload(TREE));
    expect(lstatSync(blobPath("alpha")).mode & 0o777).toBe(0o444);
    expect(lstatSync(blobPath("alpha", "x")).mode & 0o777).toBe(0o555);
    expect(lstatSync(join(dir, "a.txt")).ino).toBe(lstatSync(blobPath("alpha")).ino);
    expect(lstatSync(join(dir, "lib/exec-twin")).ino).toBe(lstatSync(blobPath("alpha", "x")).ino);
  });

  it("are hashed again only when their stat says so", async () => {
    const cache = await openCache({ linkMethod: "hardlink" });
    const treeHash = await upload(TREE);
    await prepare(cache, treeHash);
    // Making a link moves the ctime of the shared inode; that alone must cost no read.
    await prepare(cache, treeHash, { slot: 1 });
    const before = lstatSync(blobPath("alpha"), { bigint: true }).atimeNs;
    await prepare(cache, treeHash, { slot: 2 });
    await prepare(cache, treeHash, { slot: 0, scope: "run-2" });
    expect(lstatSync(blobPath("alpha"), { bigint: true }).atimeNs).toBe(before);
  });

  it.each(["altered", "shortened", "deleted"])("are fetched again when %s on disk", async (how) => {
    const cache = await openCache();
    const treeHash = await upload(TREE);
    await prepare(cache, treeHash);
    chmodSync(blobPath("beta"), 0o644);
    if (how === "altered") writeFileSync(blobPath("beta"), "BETA");
    if (how === "shortened") truncateSync(blobPath("beta"), 1);
    if (how === "deleted") rmSync(blobPath("beta"));
    const again = await prepare(cache, treeHash, { slot: 1 });
    expect(again.fetchedBytes).toBe(4);
    expect(readTree(again.dir)).toEqual(TREE);
    await prepare(cache, treeHash, { slot: 0, scope: "run-2" });
    expect(readFileSync(join(base, "cache/workspaces", `${treeHash}-0`, "tree/src/b.txt"), "utf8")).toBe(
      "beta",
    );
  });

  it.each([
    ["small", "beta"],
    ["large", "B".repeat(2_000_000)],
  ])("that arrive damaged are fetched again, twice at most (%s)", async (_size, content) => {
    const cache = await openCache();
    const hash = hashOf(Buffer.from(content));
    const treeHash = await upload({ b: content, c: "gamma" });
    holder.damage.set(hash, 3);
    const refused = prepare(cache, treeHash);
    await expect(refused).rejects.toMatchObject({ code: "blob_corrupt", details: { hash, attempts: 3 } });
    holder.damage.set(hash, 2);
    const made = await prepare(cache, treeHash);
    expect(readTree(made.dir)).toEqual({ b: content, c: "gamma" });
  });

  it("that nobody has are named", async () => {
    const cache = await openCache();
    const treeHash = await upload(TREE);
    const hash = hashOf(Buffer.from("beta"));
    holder.blobs.delete(hash);
    await expect(prepare(cache, treeHash)).rejects.toMatchObject({ code: "blob_missing", details: { hash } });
  });

  it.each(["beta", "B".repeat(2_000_000)])("that cannot be written end the prepare (%#)", async (content) => {
    const cache = await openCache();
    const treeHash = await upload({ b: content, c: "gamma" });
    const hash = hashOf(Buffer.from(content));
    // A file where the folder must be: as final as a full disk, and possible everywhere.
    mkdirSync(join(base, "cache/blobs"), { recursive: true });
    writeFileSync(join(base, "cache/blobs", hash.slice(0, 2)), "");
    await expect(prepare(cache, treeHash)).rejects.toMatchObject({
      code: expect.stringMatching(/E[A-Z]+/) as string,
    });
    rmSync(join(base, "cache/blobs", hash.slice(0, 2)));
    expect(readTree((await prepare(cache, treeHash)).dir)).toEqual({ b: content, c: "gamma" });
    expect(readdirSync(join(base, "cache/tmp"))).toEqual([]);
  });

  it("are fetched once for prepares that run at once, and a failed fetch is taken over", async () => {
    const cache = await openCache();
    const treeHash = await upload(TREE);
    let go = (): void => undefined;
    holder.hold = new Promise((resolve) => (go = resolve));
    let begun = (): void => undefined;
    const first = new Promise<void>((resolve) => (begun = resolve));
    const broken = new Holder();
    broken.fetchToFile = async () => {
      begun();
      await holder.hold;
      throw new Error("connection lost");
    };
    const failing = cache.prepare({ treeHash, slot: 9, scope: "run-1", fetcher: broken });
    // Only then is it this one that the others wait for.
    await first;
    const all = Promise.all([0, 1, 2].map((slot) => prepare(cache, treeHash, { slot })));
    go();
    await expect(failing).rejects.toThrow("connection lost");
    for (const { dir } of await all) expect(readTree(dir)).toEqual(TREE);
    expect(new Set(holder.delivered).size).toBe(holder.delivered.length);
  });
});

describe("hostile trees", () => {
  const sha256 = hashOf(Buffer.from("x"));
  const file = (path: string): ManifestEntry => ({ path, kind: "file", mode: 0o644, size: 1, sha256 });
  it.each<[string, ManifestEntry[]]>([
    ["a climbing path", [file("../../../escaped")]],
    ["an absolute link", [{ path: "l", kind: "link", target: "/etc" }]],
    ["a file below a link", [{ path: "l", kind: "link", target: "d" }, file("l/x")]],
  ])("with %s are refused and leave nothing behind", async (_what, entries) => {
    const bytes = encodeManifest({ format: 1, entries });
    const treeHash = treeHashOf(bytes);
    holder.blobs.set(treeHash, bytes);
    holder.blobs.set(sha256, Buffer.from("x"));
    const cache = await openCache();
    await expect(prepare(cache, treeHash)).rejects.toMatchObject({ code: "manifest_refused" });
    expect(readdirSync(join(base, "cache", "workspaces"))).toEqual([]);
    expect(readdirSync(base)).toEqual(["cache"]);
  });

  it("cannot be named by anything but a hash", async () => {
    const cache = await openCache();
    await expect(prepare(cache, "../../x")).rejects.toThrow(TypeError);
  });
});

describe("eviction", () => {
  const big = (letter: string): Record<string, Node> => ({
    own: letter.repeat(100_000),
    shared: "S".repeat(50_000),
  });

  it("removes the least recently used tree, keeps what others share and what is in use", async () => {
    const cache = await openCache({ linkMethod: "hardlink", limitBytes: 320_000 });
    const [a, b, c] = [await upload(big("a")), await upload(big("b")), await upload(big("c"))];
    await prepare(cache, a);
    nowMs += 1;
    await prepare(cache, b);
    nowMs += 1;
    await prepare(cache, a);
    nowMs += 1;
    // 350,000 bytes and three manifests: b is the oldest.
    const used = await prepare(cache, c);
    expect(cache.usage().sizeBytes).toBeLessThanOrEqual(320_000);
    const names = readdirSync(join(base, "cache", "workspaces")).toSorted();
    expect(names).toEqual([`${a}-0`, `${c}-0`].toSorted());
    expect(readTree(used.dir)).toEqual(big("c"));
    const delivered = holder.delivered.length;
    await prepare(cache, a, { scope: "run-2" });
    expect(holder.delivered).toHaveLength(delivered);
    const again = await prepare(cache, b);
    expect(again.fetchedBytes).toBeGreaterThanOrEqual(100_000);
    expect(again.fetchedBytes).toBeLessThan(150_000);
  });

  it("never touches workspaces in use, even above the limit, until they are released", async () => {
    const cache = await openCache({ linkMethod: "hardlink", limitBytes: 1_000 });
    const [a, b] = [await upload(big("a")), await upload(big("b"))];
    const one = await prepare(cache, a, { slot: 0 });
    const two = await prepare(cache, b, { slot: 1 });
    expect(readTree(one.dir)).toEqual(big("a"));
    expect(readTree(two.dir)).toEqual(big("b"));
    one.release();
    await cache.evict();
    expect(existsSync(one.dir)).toBe(false);
    expect(readTree(two.dir)).toEqual(big("b"));
    two.release();
    await cache.evict();
    expect(cache.usage().sizeBytes).toBe(0);
  });

  it("counts what tests leave in their workspace", async () => {
    const cache = await openCache({ linkMethod: "hardlink", limitBytes: 400_000 });
    const made = await prepare(cache, await upload(big("a")));
    writeFileSync(join(made.dir, "left"), "x".repeat(300_000));
    linkSync(join(made.dir, "own"), join(made.dir, "linked"));
    await cache.evict();
    expect(cache.usage().sizeBytes).toBeGreaterThan(440_000);
    made.release();
    await cache.evict();
    expect(existsSync(made.dir)).toBe(false);
  });

  it("remembers the order across a restart and drops blobs of no known tree first", async () => {
    const first = await openCache({ linkMethod: "hardlink" });
    const [a, b] = [await upload(big("a")), await upload(big("b"))];
    await prepare(first, b, { slot: 1 });
    nowMs += 10;
    await prepare(first, a);
    nowMs += 10;
    await prepare(first, b, { slot: 1 });
    await first.close();
    const stray = hashOf(Buffer.from("stray"));
    mkdirSync(join(base, "cache/blobs", stray.slice(0, 2)), { recursive: true });
    writeFileSync(join(base, "cache/blobs", stray.slice(0, 2), `${stray}.r`), "y".repeat(60_000));
    const second = await openCache({ linkMethod: "hardlink", limitBytes: 290_000 });
    await second.evict();
    expect(existsSync(join(base, "cache/blobs", stray.slice(0, 2), `${stray}.r`))).toBe(false);
    expect(readdirSync(join(base, "cache/workspaces"))).toHaveLength(2);
    const third = await openCache({ linkMethod: "hardlink", limitBytes: 200_000 });
    await third.evict();
    expect(readdirSync(join(base, "cache/workspaces"))).toEqual([`${b}-1`]);
  });
});
