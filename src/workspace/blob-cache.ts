/**
 * The blobs a worker holds, as read-only files that workspaces share by hard link where nothing better
 * exists.
 *
 * Sharing an inode means that a test running as root can alter the original through its copy. So every blob
 * has a stamp (size, times, inode) taken when its content was last known to be right; when the stamp no
 * longer fits, the content is hashed before it is used again. Our own linking moves the ctime, so it renews
 * the stamp in the same turn. A blob lies here once per mode, because links share the mode as well.
 */
import { chmodSync, constants, copyFileSync, linkSync, lstatSync, mkdirSync } from "node:fs";
import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { errnoOf } from "./errors.ts";
import { hashFile } from "./hash-file.ts";
import { stampOf } from "./stat-cache.ts";

export type Variant = "r" | "x";

export interface BlobNeed {
  sha256: string;
  variant: Variant;
  sizeBytes: number;
}

interface Held {
  sizeBytes: number;
  /** Null when nobody vouches for the content (after a reboot, say). */
  stamp: string | null;
}

/** How a blob gets into a workspace: `shared` files have the blob's inode, `private` ones their own. */
export type Placed = "shared" | "private";
export type LinkMethod = "reflink" | "hardlink" | "copy";

const FALL_BACK = new Set(["EMLINK", "EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"]);

export class BlobCache {
  readonly dir: string;
  private readonly held = new Map<string, Held>();
  private readonly shards = new Set<string>();
  private readonly checking = new Map<string, Promise<boolean>>();
  sizeBytes = 0;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Lists what is there; `stamps` are those that may still be believed. */
  async load(stamps: ReadonlyMap<string, string>): Promise<void> {
    mkdirSync(this.dir, { recursive: true });
    for (const shard of readdirSync(this.dir)) {
      for (const name of readdirSync(join(this.dir, shard))) {
        const key = /^([0-9a-f]{64})\.([rx])$/.exec(name) === null ? null : name;
        if (key === null) rmSync(join(this.dir, shard, name), { recursive: true, force: true });
        else
          this.note(key, lstatSync(join(this.dir, shard, name), { bigint: true }), stamps.get(key) ?? null);
      }
      await nextTurn();
    }
  }

  stamps(): Record<string, string> {
    const known = [...this.held].flatMap(([key, { stamp }]) =>
      stamp === null ? [] : [[key, stamp] as const],
    );
    return Object.fromEntries(known);
  }

  hashes(): Set<string> {
    return new Set([...this.held.keys()].map((key) => key.slice(0, 64)));
  }

  pathOf(sha256: string, variant: Variant): string {
    return join(this.dir, sha256.slice(0, 2), keyOf(sha256, variant));
  }

  /** The stat of the blob's file when it still is what was last verified, else null. */
  fresh(sha256: string, variant: Variant): BigIntStats | null {
    const held = this.held.get(keyOf(sha256, variant));
    if (held === undefined || held.stamp === null) return null;
    const stat = lstatSync(this.pathOf(sha256, variant), { bigint: true, throwIfNoEntry: false });
    return stat !== undefined && stampOf(stat) === held.stamp ? stat : null;
  }

  /** Makes sure of the content: hashes it when the stamp no longer fits, drops it when it is wrong. */
  async verify(sha256: string, variant: Variant): Promise<boolean> {
    if (this.fresh(sha256, variant) !== null) return true;
    const key = keyOf(sha256, variant);
    if (!this.held.has(key)) return false;
    const running = this.checking.get(key) ?? this.verifyNow(sha256, variant);
    this.checking.set(key, running);
    try {
      return await running;
    } finally {
      this.checking.delete(key);
    }
  }

  private async verifyNow(sha256: string, variant: Variant): Promise<boolean> {
    const path = this.pathOf(sha256, variant);
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const before = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (before === undefined || !before.isFile()) break;
      if ((await hashFile(path).catch(() => null))?.sha256 !== sha256) break;
      if (stampOf(lstatSync(path, { bigint: true })) !== stampOf(before)) continue;
      if (Number(before.mode & 0o7777n) !== modeOf(variant)) chmodSync(path, modeOf(variant));
      const stat = lstatSync(path, { bigint: true });
      this.note(keyOf(sha256, variant), stat, stampOf(stat));
      return true;
    }
    this.drop(sha256, variant);
    return false;
  }

  /** Takes over a file whose content was just verified. */
  adopt(path: string, sha256: string, variant: Variant): void {
    const target = this.pathOf(sha256, variant);
    const shard = sha256.slice(0, 2);
    if (!this.shards.has(shard)) mkdirSync(join(this.dir, shard), { recursive: true });
    this.shards.add(shard);
    chmodSync(path, modeOf(variant));
    renameSync(path, target);
    const stat = lstatSync(target, { bigint: true });
    this.note(keyOf(sha256, variant), stat, stampOf(stat));
  }

  /** Puts a blob that is `fresh` at `target`, which must not exist. */
  place(need: { sha256: string; variant: Variant }, target: string, method: LinkMethod): Placed {
    const source = this.pathOf(need.sha256, need.variant);
    switch (method) {
      case "hardlink":
        if (this.link(need, source, target)) return "shared";
        break;
      case "reflink":
        if (attempt(() => copyFileSync(source, target, FICLONE | constants.COPYFILE_EXCL))) {
          chmodSync(target, privateMode(need.variant));
          return "private";
        }
        break;
      case "copy":
        break;
    }
    copyFileSync(source, target, constants.COPYFILE_EXCL);
    chmodSync(target, privateMode(need.variant));
    return "private";
  }

  private link(need: { sha256: string; variant: Variant }, source: string, target: string): boolean {
    const before = lstatSync(source, { bigint: true });
    if (!attempt(() => linkSync(source, target))) return false;
    const after = lstatSync(source, { bigint: true });
    const untouched =
      before.mtimeNs === after.mtimeNs && before.size === after.size && before.ino === after.ino;
    const held = this.held.get(keyOf(need.sha256, need.variant));
    if (held !== undefined && held.stamp === stampOf(before) && untouched) held.stamp = stampOf(after);
    return true;
  }

  drop(sha256: string, variant: Variant): void {
    rmSync(this.pathOf(sha256, variant), { force: true });
    const held = this.held.get(keyOf(sha256, variant));
    this.sizeBytes -= held?.sizeBytes ?? 0;
    this.held.delete(keyOf(sha256, variant));
  }

  private note(key: string, stat: BigIntStats, stamp: string | null): void {
    this.sizeBytes += Number(stat.size) - (this.held.get(key)?.sizeBytes ?? 0);
    this.held.set(key, { sizeBytes: Number(stat.size), stamp });
  }
}

const FICLONE = constants.COPYFILE_FICLONE_FORCE;

/** False when the file system cannot do it this way; anything else is an error. */
function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (FALL_BACK.has(errnoOf(error) ?? "")) return false;
    throw error;
  }
}

function keyOf(sha256: string, variant: Variant): string {
  return `${sha256}.${variant}`;
}

function modeOf(variant: Variant): number {
  return variant === "x" ? 0o555 : 0o444;
}

/** A file with an inode of its own may be written, as in the original tree. */
export function privateMode(variant: Variant): number {
  return variant === "x" ? 0o755 : 0o644;
}

export function variantOf(mode: number): Variant {
  return mode === 0o755 ? "x" : "r";
}

/** Learns once per cache how files can be shared here. */
export function detectLinkMethod(dir: string): LinkMethod {
  const source = join(dir, "probe-source");
  const target = join(dir, "probe-target");
  const clear = (): void => {
    for (const path of [source, target]) rmSync(path, { force: true });
  };
  clear();
  try {
    writeFileSync(source, "probe");
    if (attempt(() => copyFileSync(source, target, FICLONE))) return "reflink";
    rmSync(target, { force: true });
    return attempt(() => linkSync(source, target)) ? "hardlink" : "copy";
  } finally {
    clear();
  }
}
