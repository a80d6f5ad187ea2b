/**
 * Makes a directory equal to a manifest: an empty one (a fresh workspace) or one that an earlier run has
 * used.
 *
 * One walk over what is there removes whatever does not belong and keeps what still fits; then what lacks is
 * made, links last. The walk enters only real directories that the manifest has, and everything else is
 * removed before anything is made, so no link planted by a test is ever followed.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from "node:fs";
import type { BigIntStats } from "node:fs";
import { join, sep } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { privateMode, variantOf } from "./blob-cache.ts";
import type { BlobCache, BlobNeed, LinkMethod } from "./blob-cache.ts";
import { errnoOf, ManifestRefused } from "./errors.ts";
import { eachLimited, hashFile } from "./hash-file.ts";
import { parentsOf } from "./manifest.ts";
import type { FileEntry, Manifest } from "./manifest.ts";
import { forceRemove } from "./remove.ts";
import { stampOf } from "./stat-cache.ts";

const DEPENDENCY = /(^|\/)(node_modules|site-packages|dist-packages|vendor|\.venv|venv)\//;
const FILES_PER_TURN = 200;
const CHECKS_AT_ONCE = 8;

/** `dependencies`: hard links below folders of dependencies, copies elsewhere. */
export type TreeMethod = LinkMethod | "dependencies";

export interface MaterialiseContext {
  dir: string;
  manifest: Manifest;
  blobs: BlobCache;
  method: TreeMethod;
  /** Stamps of files with an inode of their own, as they were made; renewed here. */
  stamps: Map<string, string>;
  /** Brings a blob that turned out stale or damaged back into the cache. */
  ensure: (need: BlobNeed) => Promise<void>;
}

export function needOf(entry: FileEntry): BlobNeed {
  return { sha256: entry.sha256, variant: variantOf(entry.mode), sizeBytes: entry.size };
}

export async function materialise(context: MaterialiseContext): Promise<void> {
  const run = new Materialising(context);
  await run.keepWhatFits();
  run.makeDirectories();
  await run.makeFiles();
  run.makeLinks();
}

class Materialising {
  private readonly context: MaterialiseContext;
  private readonly directories = new Set<string>();
  private readonly files = new Map<string, FileEntry>();
  private readonly links = new Map<string, string>();
  private readonly kept = new Set<string>();
  private readonly doubtful: { entry: FileEntry; stat: BigIntStats }[] = [];
  private steps = 0;

  constructor(context: MaterialiseContext) {
    this.context = context;
    for (const entry of context.manifest.entries) {
      for (const parent of parentsOf(entry.path)) this.directories.add(parent);
      if (entry.kind === "dir") this.directories.add(entry.path);
      else if (entry.kind === "link") this.links.set(entry.path, entry.target);
      else this.files.set(entry.path, entry);
    }
  }

  async keepWhatFits(): Promise<void> {
    const pending = [""];
    for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
      for (const name of readdirSync(this.full(dir))) {
        const path = dir === "" ? name : `${dir}/${name}`;
        const stat = lstatSync(this.full(path), { bigint: true });
        if (stat.isDirectory() && this.directories.has(path)) {
          this.keepDirectory(path, stat);
          pending.push(path);
        } else if (!this.keeps(path, stat)) forceRemove(this.full(path));
        await this.step();
      }
    }
    await eachLimited(this.doubtful, CHECKS_AT_ONCE, ({ entry, stat }) => this.settleDoubt(entry, stat));
  }

  private keepDirectory(path: string, stat: BigIntStats): void {
    if ((stat.mode & 0o7777n) !== 0o755n) chmodSync(this.full(path), 0o755);
    this.kept.add(path);
  }

  /** False when it must go now; a doubtful file stays until it is hashed. */
  private keeps(path: string, stat: BigIntStats): boolean {
    const entry = this.files.get(path);
    if (stat.isSymbolicLink()) {
      if (this.links.get(path) !== readlinkSync(this.full(path))) return false;
      this.kept.add(path);
      return true;
    }
    if (!stat.isFile() || entry === undefined) return false;
    if (this.unchanged(entry, stat)) this.kept.add(path);
    else this.doubtful.push({ entry, stat });
    return true;
  }

  private unchanged(entry: FileEntry, stat: BigIntStats): boolean {
    const stamp = stampOf(stat);
    if (this.context.stamps.get(entry.path) === stamp) return true;
    const blob = this.context.blobs.fresh(entry.sha256, variantOf(entry.mode));
    return blob !== null && stampOf(blob) === stamp && blob.dev === stat.dev;
  }

  /** A shared inode is checked as the blob it is; a file of its own is hashed; whatever is wrong goes. */
  private async settleDoubt(entry: FileEntry, stat: BigIntStats): Promise<void> {
    const { blobs, stamps } = this.context;
    const path = this.full(entry.path);
    const variant = variantOf(entry.mode);
    await blobs.verify(entry.sha256, variant);
    const now = lstatSync(path, { bigint: true });
    if (this.unchanged(entry, now)) return void this.kept.add(entry.path);
    stamps.delete(entry.path);
    const ownInode = this.methodFor(entry) !== "hardlink" && stat.nlink === 1n;
    const same = ownInode && (await hashFile(path).catch(() => null))?.sha256 === entry.sha256;
    if (!same) return forceRemove(path);
    chmodSync(path, privateMode(variant));
    stamps.set(entry.path, stampOf(lstatSync(path, { bigint: true })));
    this.kept.add(entry.path);
  }

  makeDirectories(): void {
    for (const path of [...this.directories].toSorted()) {
      if (this.kept.has(path)) continue;
      mkdirSync(this.full(path));
      // Whatever umask this process has.
      chmodSync(this.full(path), 0o755);
    }
  }

  async makeFiles(): Promise<void> {
    for (const [path, entry] of this.files) {
      if (this.kept.has(path)) continue;
      await this.makeFile(entry);
      await this.step();
    }
  }

  private async makeFile(entry: FileEntry): Promise<void> {
    const { blobs, stamps } = this.context;
    const need = needOf(entry);
    const path = this.full(entry.path);
    while (blobs.fresh(need.sha256, need.variant) === null) await this.context.ensure(need);
    const placed = blobs.place(need, path, this.methodFor(entry));
    if (placed === "private") stamps.set(entry.path, stampOf(lstatSync(path, { bigint: true })));
    else stamps.delete(entry.path);
  }

  /**
   * A test may write to its own sources (snapshots, golden files) and must not meet a read-only file there. A
   * dependency is never written to, and there are tens of thousands of them: only these share inodes.
   */
  private methodFor(entry: FileEntry): LinkMethod {
    const { method } = this.context;
    if (method !== "dependencies") return method;
    return DEPENDENCY.test(entry.path) ? "hardlink" : "copy";
  }

  makeLinks(): void {
    const root = realpathSync(this.context.dir);
    for (const [path, target] of this.links) {
      if (!this.kept.has(path)) symlinkSync(target, this.full(path));
    }
    for (const path of this.links.keys()) this.checkLink(path, root);
  }

  /** The manifest was checked as text; this is the same question put to the file system itself. */
  private checkLink(path: string, root: string): void {
    let real: string;
    try {
      real = realpathSync(this.full(path));
    } catch (error) {
      if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return;
      throw error;
    }
    if (real === root || real.startsWith(root + sep)) return;
    forceRemove(this.full(path));
    throw new ManifestRefused(path, "link leads out of the tree");
  }

  private async step(): Promise<void> {
    this.steps += 1;
    if (this.steps % FILES_PER_TURN === 0) await nextTurn();
  }

  private full(path: string): string {
    return path === "" ? this.context.dir : join(this.context.dir, path);
  }
}
