/**
 * Remembers the hash of a file for as long as its stat stays the same, so that an unchanged tree is not read
 * again.
 *
 * A stat can only be trusted once time has passed over it: a file written twice within one tick of the clock
 * keeps size and times. So a file whose mtime or ctime lies less than two seconds before the start of the
 * scan is hashed but not remembered (two seconds is the coarsest clock a file system in use has). A lost or
 * damaged cache costs one scan, nothing more.
 */
import { randomUUID } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

const RACY_MS = 2_000;
const FORMAT = 1;

interface StatCacheFile {
  format: number;
  /** path → [stamp, sha256] */
  entries: Record<string, [string, string]>;
}

/** Everything that changes when content changes, in one comparable string. */
export function stampOf(stat: BigIntStats): string {
  return `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}:${stat.ino}`;
}

export class StatCache {
  private readonly path: string | null;
  private readonly trustedBeforeNs: bigint;
  private readonly old: Map<string, [string, string]>;
  private readonly kept = new Map<string, [string, string]>();
  private changed = false;

  private constructor(path: string | null, startMs: number, old: Map<string, [string, string]>) {
    this.path = path;
    this.trustedBeforeNs = BigInt(Math.floor(startMs - RACY_MS)) * 1_000_000n;
    this.old = old;
  }

  static async open(path: string | undefined, startMs: number): Promise<StatCache> {
    if (path === undefined) return new StatCache(null, startMs, new Map());
    return new StatCache(path, startMs, await readEntries(path));
  }

  /** The known hash of an unchanged file; it stays known. */
  lookup(path: string, stat: BigIntStats): string | null {
    const entry = this.old.get(path);
    if (entry === undefined || entry[0] !== stampOf(stat)) return null;
    this.kept.set(path, entry);
    return entry[1];
  }

  /** `stat` is the one taken before the file was read. */
  remember(path: string, stat: BigIntStats, sha256: string): void {
    const newest = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs;
    if (newest >= this.trustedBeforeNs) return;
    this.kept.set(path, [stampOf(stat), sha256]);
    this.changed = true;
  }

  async save(): Promise<void> {
    if (this.path === null || (!this.changed && this.kept.size === this.old.size)) return;
    const file: StatCacheFile = { format: FORMAT, entries: Object.fromEntries(this.kept) };
    await writeAtomically(this.path, JSON.stringify(file));
  }
}

async function readEntries(path: string): Promise<Map<string, [string, string]>> {
  try {
    const file = JSON.parse(await readFile(path, "utf8")) as StatCacheFile;
    if (file.format !== FORMAT) return new Map();
    return new Map(Object.entries(file.entries).filter(([, entry]) => isEntry(entry)));
  } catch {
    return new Map();
  }
}

function isEntry(entry: unknown): entry is [string, string] {
  if (!Array.isArray(entry) || typeof entry[0] !== "string") return false;
  return typeof entry[1] === "string" && /^[0-9a-f]{64}$/.test(entry[1]);
}

/** Readers see the old file or the new one, never half of one. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
