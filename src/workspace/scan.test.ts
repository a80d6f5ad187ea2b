import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeManifest, encodeManifest, scanWorkspace, treeHashOf, uploadWorkspace } from "./index.ts";
import type { ScanOptions, WorkspaceScan } from "./index.ts";
import { Holder, makeTree, temporaryFolder } from "./test-support.ts";

let base = "";
let root = "";
beforeEach(async () => {
  base = await temporaryFolder();
  root = join(base, "tree");
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

const pathsOf = (scan: WorkspaceScan): string[] => scan.manifest.entries.map((entry) => entry.path);
/** A scan that starts long after the files were written, so that their times can be trusted. */
const settledScan = (options: Partial<ScanOptions> = {}): Promise<WorkspaceScan> =>
  scanWorkspace({
    root,
    statCachePath: join(base, "cache", "stat.json"),
    now: () => Date.now() + 60_000,
    ...options,
  });

describe("what belongs to a workspace", () => {
  it("is everything a test may need, git-ignored or not, without version control and caches", async () => {
    makeTree(root, {
      ".gitignore": "node_modules\ndist\n.venv\n",
      ".git/config": "x",
      "sub/.git": "gitdir: elsewhere",
      "node_modules/a/index.js": "x",
      "node_modules/.cache/x": "x",
      "node_modules/.vite/deps/x.js": "x",
      "packages/p/node_modules/.vite/x": "x",
      "node_modules/.bin/a": { link: "../a/index.js" },
      "dist/out.js": "x",
      ".venv/bin/tool": { exec: "#!" },
      "src/__pycache__/x.pyc": "x",
      ".pytest_cache/x": "x",
      ".testyard/x": "x",
      "src/.DS_Store": "x",
      "src/vite/.vite/kept": "x",
      empty: { dir: true },
    });
    const scan = await settledScan();
    expect(pathsOf(scan)).toEqual([
      ".gitignore",
      ".venv/bin/tool",
      "dist/out.js",
      "empty",
      "node_modules/.bin/a",
      "node_modules/a/index.js",
      "packages/p/node_modules",
      "src/vite/.vite/kept",
      "sub",
    ]);
    expect(scan.leftOut).toEqual([]);
    expect(scan.manifest.entries[1]).toMatchObject({ mode: 0o755 });
    expect(scan.treeHash).toBe(treeHashOf(encodeManifest(scan.manifest)));
    expect(decodeManifest(encodeManifest(scan.manifest))).toEqual(scan.manifest);
  });

  it("is narrowed by .testyardignore and further patterns", async () => {
    makeTree(root, {
      ".testyardignore": "*.log\n/data/\n!keep.log\n",
      "a.log": "x",
      "keep.log": "x",
      "data/big": "x",
      "src/data/small": "x",
      "docs/x.md": "x",
    });
    const scan = await settledScan({ ignore: ["docs"] });
    expect(pathsOf(scan)).toEqual([".testyardignore", "keep.log", "src/data/small"]);
  });

  it("is what git tracks when asked so", async () => {
    makeTree(root, { "a.txt": "x", "src/b.txt": "x", "node_modules/c.js": "x", "gone.txt": "x" });
    const git = (...args: string[]): void => void execFileSync("git", args, { cwd: root, stdio: "ignore" });
    git("init");
    git("add", "a.txt", "src", "gone.txt");
    rmSync(join(root, "gone.txt"));
    expect(pathsOf(await settledScan({ onlyTracked: true }))).toEqual(["a.txt", "src/b.txt"]);
  });

  it("leaves out what cannot travel, says why, and does not fail", async () => {
    makeTree(root, {
      "venv/bin/python": { link: "/usr/bin/python3" },
      "venv/bin/python3": { link: "python" },
      "venv/lib64": { link: "lib" },
      "venv/lib/x.py": "x",
      up: { link: "../outside" },
      self: { link: "." },
      sneaky: { link: "self/../x" },
      loop: { link: "loop" },
      "back\\slash": "x",
    });
    execFileSync("mkfifo", [join(root, "pipe")]);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([0xff])]), "x");
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(root, "s"), done));
    const scan = await settledScan();
    server.close();
    expect(pathsOf(scan)).toEqual(["self", "venv/bin", "venv/lib/x.py", "venv/lib64"]);
    expect(Object.fromEntries(scan.leftOut.map(({ path, reason }) => [path, reason]))).toEqual({
      "venv/bin/python": expect.stringContaining("absolute") as string,
      "venv/bin/python3": expect.stringContaining("absolute") as string,
      up: expect.stringContaining("out of the tree") as string,
      sneaky: expect.stringContaining("out of the tree") as string,
      loop: expect.stringContaining("loop") as string,
      pipe: "named pipe",
      s: "socket",
      "back\\slash": "backslash in path",
      "bad\uFFFD": "name is not valid UTF-8",
    });
    expect(decodeManifest(encodeManifest(scan.manifest))).toEqual(scan.manifest);
  });

  it("never holds the data directory of a yard, nor the key in it", async () => {
    makeTree(root, {
      "a.test.js": "x",
      "yard/client-key": "k",
      "yard/cluster.json": "{}",
      "yard/log/data.mdb": "l",
    });
    const scan = await settledScan();
    expect(pathsOf(scan)).toEqual(["a.test.js", "yard"]);
    expect(scan.leftOut).toEqual([{ path: "yard", reason: "data directory of a yard, with its key" }]);
  });

  it("cannot be a root that is not there", async () => {
    const scan = scanWorkspace({ root: join(base, "absent") });
    await expect(scan).rejects.toMatchObject({ code: "workspace_unreadable" });
  });
});

describe("the stat cache", () => {
  it("reads nothing of 10,000 unchanged files again, and their second upload sends no content", async () => {
    for (let dir = 0; dir < 100; dir += 1) {
      mkdirSync(join(root, `d${dir}`), { recursive: true });
      for (let i = 0; i < 100; i += 1)
        writeFileSync(join(root, `d${dir}`, `f${i}`), `content ${dir} ${i % 50}`);
    }
    const first = await settledScan();
    expect(first.hashedFiles).toBe(10_000);
    const holder = new Holder();
    const report = await uploadWorkspace({ scan: first, root, transport: holder });
    expect(report.uploadedBlobs).toBe(5_001);
    expect(holder.batches.length).toBeLessThan(10);
    // A manifest above 1 MiB travels as the large blob it is.
    expect(encodeManifest(first.manifest).length).toBeGreaterThan(1024 * 1024);
    expect(holder.singles).toBe(1);
    const second = await settledScan();
    expect(second.hashedFiles).toBe(0);
    expect(second.treeHash).toBe(first.treeHash);
    const again = await uploadWorkspace({ scan: second, root, transport: holder });
    expect(again).toEqual({ uploadedBlobs: 0, uploadedBytes: 0, tree_hash: first.treeHash });
  }, 60_000);

  it("notices a change that keeps size and mtime", async () => {
    makeTree(root, { a: "one", b: "two" });
    const past = new Date("2020-01-01");
    utimesSync(join(root, "a"), past, past);
    const first = await settledScan();
    writeFileSync(join(root, "a"), "uno");
    utimesSync(join(root, "a"), past, past);
    const second = await settledScan();
    expect(second.hashedFiles).toBe(1);
    expect(second.treeHash).not.toBe(first.treeHash);
  });

  it("does not trust files written just before the scan", async () => {
    makeTree(root, { fresh: "one" });
    const now = (): number => Date.now() + 500;
    await settledScan({ now });
    expect((await settledScan({ now })).hashedFiles).toBe(1);
  });

  it("is only a cache: damaged or absent, the scan is the same", async () => {
    makeTree(root, { a: "one", __proto__x: "two", "__proto__/x": "three" });
    const first = await settledScan();
    writeFileSync(join(base, "cache", "stat.json"), '{"format":1,"entries":{"a":[1]');
    const second = await settledScan();
    expect(second).toEqual(first);
    expect(second.hashedFiles).toBe(3);
    expect((await settledScan()).hashedFiles).toBe(0);
  });
});

describe("uploadWorkspace", () => {
  it("packs small files, sends large ones singly, equal content once", async () => {
    const large = "L".repeat(3 * 1024 * 1024);
    const medium = (i: number): string => `${i}`.repeat(1024 * 1024);
    makeTree(root, {
      large,
      copy: large,
      ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => [`m${i}`, medium(i)])),
    });
    const holder = new Holder();
    const scan = await settledScan();
    const report = await uploadWorkspace({ scan, root, transport: holder });
    expect(holder.singles).toBe(1);
    for (const { bytes } of holder.batches) expect(bytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(holder.batches.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual([1, 1, 8]);
    expect(report.uploadedBytes).toBe(12 * 1024 * 1024 + (holder.blobs.get(scan.treeHash)?.length ?? 0));
  });

  it.each([
    ["small", "x"],
    ["large", "x".repeat(2 * 1024 * 1024)],
  ])("names a %s file that changed since the scan, and leaves the tree unnamed", async (_size, content) => {
    makeTree(root, { "dir/changing": content, steady: "s" });
    const scan = await settledScan();
    writeFileSync(join(root, "dir/changing"), `${content}!`);
    const holder = new Holder();
    const upload = uploadWorkspace({ scan, root, transport: holder });
    await expect(upload).rejects.toMatchObject({
      code: "workspace_changed",
      details: { path: "dir/changing" },
    });
    expect(holder.blobs.has(scan.treeHash)).toBe(false);
  });

  it("does not send what a file was replaced by", async () => {
    makeTree(base, { secret: "secret" });
    makeTree(root, { a: "x" });
    const scan = await settledScan();
    rmSync(join(root, "a"));
    symlinkSync("../secret", join(root, "a"));
    const holder = new Holder();
    await expect(uploadWorkspace({ scan, root, transport: holder })).rejects.toMatchObject({
      code: "workspace_changed",
    });
    expect(holder.blobs.size).toBe(0);
  });

  it("reports a failing transport as what it is", async () => {
    makeTree(root, { a: "x".repeat(2 * 1024 * 1024) });
    const holder = new Holder();
    holder.putFile = () => Promise.reject(new Error("connection lost"));
    const upload = uploadWorkspace({ scan: await settledScan(), root, transport: holder });
    await expect(upload).rejects.toThrow("connection lost");
  });
});
