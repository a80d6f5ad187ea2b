/**
 * What a worker's cache remembers between starts: which stat vouches for which blob, when each tree was last
 * used, and of each workspace for which scope it is ready. All of it may be lost; then content is hashed
 * again, trees count as old, and workspaces are made anew.
 */
import { readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "./stat-cache.ts";

interface IndexFile {
  format: number;
  /** Stamps hold only within one boot: what was not flushed may be gone after a power loss. */
  boot_id: string;
  stamps: Record<string, string>;
  trees: Record<string, number>;
}

export interface CacheIndex {
  stamps: Map<string, string>;
  /** Tree hash → when it was last used, in milliseconds. */
  trees: Map<string, number>;
}

export async function readIndex(dir: string): Promise<CacheIndex> {
  try {
    const file = JSON.parse(await readFile(join(dir, "index.json"), "utf8")) as IndexFile;
    if (file.format !== 1) return { stamps: new Map(), trees: new Map() };
    const believed = file.boot_id === bootId() ? Object.entries(file.stamps) : [];
    return { stamps: new Map(believed), trees: new Map(Object.entries(file.trees)) };
  } catch {
    return { stamps: new Map(), trees: new Map() };
  }
}

export async function writeIndex(
  dir: string,
  index: { stamps: Record<string, string>; trees: ReadonlyMap<string, number> },
): Promise<void> {
  const file: IndexFile = {
    format: 1,
    boot_id: bootId(),
    stamps: index.stamps,
    trees: Object.fromEntries(index.trees),
  };
  await writeAtomically(join(dir, "index.json"), JSON.stringify(file));
}

/** One name for all boots where the system has none: there, stamps are believed across a restart. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "unknown";
  }
}

interface ReadyFile {
  format: number;
  tree_hash: string;
  scope: string | null;
  stamps: Record<string, string>;
}

export interface Ready {
  /** Null while it is being changed: it must be verified before any scope uses it. */
  scope: string | null;
  stamps: Map<string, string>;
}

export async function readReady(dir: string, treeHash: string): Promise<Ready | null> {
  try {
    const file = JSON.parse(await readFile(join(dir, "ready.json"), "utf8")) as ReadyFile;
    if (file.format !== 1 || file.tree_hash !== treeHash) return null;
    return { scope: file.scope, stamps: new Map(Object.entries(file.stamps)) };
  } catch {
    return null;
  }
}

export async function writeReady(dir: string, treeHash: string, ready: Ready): Promise<void> {
  const { scope } = ready;
  const file: ReadyFile = { format: 1, tree_hash: treeHash, scope, stamps: Object.fromEntries(ready.stamps) };
  await writeAtomically(join(dir, "ready.json"), JSON.stringify(file));
}

export function dropReady(dir: string): void {
  rmSync(join(dir, "ready.json"), { force: true });
}
