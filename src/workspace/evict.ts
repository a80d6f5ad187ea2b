/**
 * Makes room in a worker's cache, by whole trees: a tree that lost some of its blobs would only fetch them
 * again.
 */
import { lstatSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { BlobCache } from "./blob-cache.ts";
import type { TreeMethod } from "./materialise.ts";
import { readReady } from "./cache-records.ts";
import { decodeManifest } from "./manifest.ts";
import { forceRemove } from "./remove.ts";
import { stampOf } from "./stat-cache.ts";

/** Room is made to a little below the limit, so that the next small fetch does not evict again. */
const TARGET_SHARE = 0.9;

export interface RoomOptions {
  dir: string;
  limitBytes: number;
  blobs: BlobCache;
  trees: Map<string, number>;
  method: TreeMethod;
  /** Workspace ids that must stay. */
  busy: ReadonlySet<string>;
}

interface Tree {
  hash: string;
  lastUsedMs: number;
  workspaces: { id: string; ownBytes: number }[];
  busy: boolean;
}

/** Returns the bytes that the remaining workspaces hold for themselves. */
export async function makeRoom(options: RoomOptions): Promise<number> {
  const trees = await listTrees(options);
  let own = trees.flatMap((tree) => tree.workspaces).reduce((sum, { ownBytes }) => sum + ownBytes, 0);
  if (options.blobs.sizeBytes + own <= options.limitBytes) return own;
  const target = options.limitBytes * TARGET_SHARE;
  const users = await countUsers(options, trees);
  for (const hash of options.blobs.hashes()) if (!users.has(hash)) dropBlob(options.blobs, hash);
  const idle = trees.filter((tree) => !tree.busy).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  for (const tree of idle) {
    if (options.blobs.sizeBytes + own <= target) break;
    own -= await removeTree(tree, options, users);
  }
  return own;
}

async function listTrees(options: RoomOptions): Promise<Tree[]> {
  const trees = new Map<string, Tree>();
  const treeOf = (hash: string): Tree => {
    const lastUsedMs = options.trees.get(hash) ?? 0;
    const tree = trees.get(hash) ?? { hash, lastUsedMs, workspaces: [], busy: false };
    trees.set(hash, tree);
    return tree;
  };
  for (const hash of options.trees.keys()) treeOf(hash);
  for (const id of options.busy) treeOf(id.slice(0, 64)).busy = true;
  for (const id of readdirSync(join(options.dir, "workspaces"))) {
    if (!/^[0-9a-f]{64}-\d+$/.test(id)) forceRemove(join(options.dir, "workspaces", id));
    else treeOf(id.slice(0, 64)).workspaces.push({ id, ownBytes: await ownBytes(id, options) });
  }
  return [...trees.values()];
}

/** How many trees use each blob, their manifests included. */
async function countUsers(options: RoomOptions, trees: readonly Tree[]): Promise<Map<string, number>> {
  const users = new Map<string, number>();
  for (const tree of trees) {
    for (const hash of await blobsOf(tree.hash, options.blobs)) users.set(hash, (users.get(hash) ?? 0) + 1);
  }
  return users;
}

/** The manifest and what it names; only the manifest when it cannot be read (then the tree is of no use). */
async function blobsOf(treeHash: string, blobs: BlobCache): Promise<Set<string>> {
  const hashes = new Set([treeHash]);
  try {
    const manifest = decodeManifest(await readFile(blobs.pathOf(treeHash, "r")));
    for (const entry of manifest.entries) if (entry.kind === "file") hashes.add(entry.sha256);
  } catch {
    // Not fetched yet, or damaged: it holds on to nothing.
  }
  return hashes;
}

async function removeTree(tree: Tree, options: RoomOptions, users: Map<string, number>): Promise<number> {
  let freed = 0;
  for (const { id, ownBytes: bytes } of tree.workspaces) {
    forceRemove(join(options.dir, "workspaces", id));
    freed += bytes;
    await nextTurn();
  }
  for (const hash of await blobsOf(tree.hash, options.blobs)) {
    const left = (users.get(hash) ?? 1) - 1;
    users.set(hash, left);
    if (left <= 0) dropBlob(options.blobs, hash);
  }
  options.trees.delete(tree.hash);
  return freed;
}

function dropBlob(blobs: BlobCache, hash: string): void {
  blobs.drop(hash, "r");
  blobs.drop(hash, "x");
}

/** Bytes that would be free without the workspace: links cost nothing, unchanged reflinks neither. */
async function ownBytes(id: string, options: RoomOptions): Promise<number> {
  const home = join(options.dir, "workspaces", id);
  const stamps = (await readReady(home, id.slice(0, 64)))?.stamps ?? new Map<string, string>();
  let bytes = 0;
  const pending = [""];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    for (const child of readDirectory(join(home, "tree", dir))) {
      const path = dir === "" ? child : `${dir}/${child}`;
      const stat = lstatSync(join(home, "tree", path), { bigint: true, throwIfNoEntry: false });
      if (stat === undefined) continue;
      if (stat.isDirectory()) pending.push(path);
      else if (stat.nlink > 1n) continue;
      else if (options.method !== "reflink" || stamps.get(path) !== stampOf(stat)) bytes += Number(stat.size);
    }
    await nextTurn();
  }
  return bytes;
}

function readDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // It may vanish or be closed to us while a test runs there.
    return [];
  }
}
