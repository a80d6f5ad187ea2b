/**
 * The worker's side: trees on disk, ready to run in.
 *
 *     blobs/ab/<hash>.r|x     verified content, read-only, one file per mode
 *     workspaces/<tree>-<slot>/tree    what a task runs in; ready.json beside it says for which scope
 *     index.json              what may be believed after a restart
 *
 * A workspace belongs to one slot, so two tasks never share a directory. Within one scope (a run) it is used
 * again as the last task left it, which is what a local run would do; for another scope it is first made
 * equal to its manifest. Room is made by whole trees, the least recently used first: their workspaces, and
 * then the blobs that no other tree needs. Trees in use stay, even above the limit.
 */
import { existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BlobCache, detectLinkMethod } from "./blob-cache.ts";
import { dropReady, readIndex, readReady, writeIndex, writeReady } from "./cache-records.ts";
import type { Ready } from "./cache-records.ts";
import { isNoRoom, WorkspaceDiskFull } from "./errors.ts";
import { makeRoom } from "./evict.ts";
import { BlobSupply } from "./fetch.ts";
import type { BlobFetcher } from "./fetch.ts";
import { Gate } from "./gate.ts";
import { decodeManifest, MAX_MANIFEST_BYTES } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { materialise, needOf } from "./materialise.ts";
import type { TreeMethod } from "./materialise.ts";
import type { NameRules } from "./path-rules.ts";
import { forceRemove } from "./remove.ts";

const SAVE_EVERY_MS = 30_000;

export interface PrepareOptions {
  treeHash: string;
  slot: number;
  /** A run id: within one scope a workspace is reused as it is. */
  scope: string;
  fetcher: BlobFetcher;
}

export interface PreparedWorkspace {
  dir: string;
  fetchedBytes: number;
  reused: boolean;
  /** Tells that nothing runs there any more. Preparing another tree for the same slot says the same. */
  release(): void;
}

export interface WorkspaceCache {
  /** Materialises the tree for one slot, from the cache, fetching what lacks. */
  prepare(options: PrepareOptions): Promise<PreparedWorkspace>;
  /** Bytes of blobs and of files that workspaces hold for themselves, as last measured. */
  usage(): { sizeBytes: number };
  /** Makes room when the limit is exceeded, and measures what tests have left behind. */
  evict(): Promise<void>;
  close(): Promise<void>;
}

export async function openWorkspaceCache(options: {
  dir: string;
  limitBytes: number;
  now: () => number;
  /** For file systems where the detected way does not suit. */
  linkMethod?: TreeMethod;
}): Promise<WorkspaceCache> {
  const { dir } = options;
  mkdirSync(join(dir, "workspaces"), { recursive: true });
  forceRemove(join(dir, "tmp"));
  mkdirSync(join(dir, "tmp"), { recursive: true });
  const index = await readIndex(dir);
  const blobs = new BlobCache(join(dir, "blobs"));
  await blobs.load(index.stamps);
  const detected = detectLinkMethod(join(dir, "tmp"));
  const method = options.linkMethod ?? (detected === "hardlink" ? "dependencies" : detected);
  const names = detectNameRules(join(dir, "tmp"));
  return new DirectoryWorkspaceCache({ ...options, blobs, method, names, trees: index.trees });
}

type Prepared = Omit<PreparedWorkspace, "release">;

interface Parts {
  dir: string;
  limitBytes: number;
  now: () => number;
  blobs: BlobCache;
  method: TreeMethod;
  names: NameRules;
  trees: Map<string, number>;
}

class DirectoryWorkspaceCache implements WorkspaceCache {
  private readonly parts: Parts;
  private readonly supply: BlobSupply;
  private readonly gate = new Gate();
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Workspace id by slot: where something may be running. */
  private readonly inUse = new Map<number, string>();
  private readonly preparing = new Map<string, number>();
  private workspaceBytes = 0;
  private savedAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: Parts) {
    this.parts = parts;
    this.supply = new BlobSupply(parts.blobs, join(parts.dir, "tmp"));
  }

  async prepare(options: PrepareOptions): Promise<PreparedWorkspace> {
    const id = workspaceId(options);
    this.inUse.set(options.slot, id);
    this.preparing.set(id, (this.preparing.get(id) ?? 0) + 1);
    try {
      const done = await this.prepareWithRoom(id, options);
      if (this.usage().sizeBytes > this.parts.limitBytes) await this.evict();
      await this.saveSometimes();
      return { ...done, release: () => this.release(options.slot, id) };
    } catch (error) {
      this.release(options.slot, id);
      throw error;
    } finally {
      const left = (this.preparing.get(id) ?? 1) - 1;
      if (left === 0) this.preparing.delete(id);
      else this.preparing.set(id, left);
    }
  }

  /** A full disk costs the idle trees before it costs the task. */
  private async prepareWithRoom(id: string, options: PrepareOptions): Promise<Prepared> {
    const go = (): Promise<Prepared> =>
      this.gate.shared(() => this.inTurn(id, () => this.prepareNow(id, options)));
    try {
      return await go();
    } catch (error) {
      if (!isNoRoom(error)) throw error;
    }
    await this.evictTo(0);
    try {
      return await go();
    } catch (error) {
      if (isNoRoom(error)) throw new WorkspaceDiskFull(this.parts.dir, error);
      throw error;
    }
  }

  private release(slot: number, id: string): void {
    if (this.inUse.get(slot) === id) this.inUse.delete(slot);
  }

  /** Two prepares of one workspace go one after the other. */
  private async inTurn<T>(id: string, action: () => Promise<T>): Promise<T> {
    const before = this.turns.get(id) ?? Promise.resolve();
    const mine = before.then(action, action);
    this.turns.set(id, mine);
    try {
      return await mine;
    } finally {
      if (this.turns.get(id) === mine) this.turns.delete(id);
    }
  }

  private async prepareNow(id: string, options: PrepareOptions): Promise<Prepared> {
    const home = join(this.parts.dir, "workspaces", id);
    const dir = join(home, "tree");
    this.parts.trees.set(options.treeHash, this.parts.now());
    const ready = await this.readyOf(home, options.treeHash);
    if (ready !== null && ready.scope === options.scope) return { dir, fetchedBytes: 0, reused: true };
    const { manifest, fetchedBytes } = await this.manifestOf(options);
    const files = manifest.entries.filter((entry) => entry.kind === "file");
    const filesBytes = await this.supply.ensure(files.map(needOf), options.fetcher);
    const extraBytes = await this.build(home, { manifest, ready, options });
    return { dir, fetchedBytes: fetchedBytes + filesBytes + extraBytes, reused: ready !== null };
  }

  private async readyOf(home: string, treeHash: string): Promise<Ready | null> {
    const ready = await readReady(home, treeHash);
    const isDirectory = lstatSync(join(home, "tree"), { throwIfNoEntry: false })?.isDirectory() === true;
    return isDirectory ? ready : null;
  }

  private async build(
    home: string,
    work: { manifest: Manifest; ready: Ready | null; options: PrepareOptions },
  ): Promise<number> {
    const { manifest, options } = work;
    const dir = join(home, "tree");
    const stamps = work.ready?.stamps ?? new Map<string, string>();
    if (work.ready === null) {
      forceRemove(home);
      await mkdir(dir, { recursive: true });
    } else {
      // Half repaired and then killed must not look ready.
      await writeReady(home, options.treeHash, { scope: null, stamps });
    }
    let fetchedBytes = 0;
    const { blobs, method } = this.parts;
    const ensure = async (need: Parameters<BlobSupply["ensure"]>[0][number]): Promise<void> => {
      fetchedBytes += await this.supply.ensure([need], options.fetcher);
    };
    try {
      await materialise({ dir, manifest, blobs, method, stamps, ensure });
    } catch (error) {
      dropReady(home);
      throw error;
    }
    await writeReady(home, options.treeHash, { scope: options.scope, stamps });
    return fetchedBytes;
  }

  private async manifestOf(options: PrepareOptions): Promise<{ manifest: Manifest; fetchedBytes: number }> {
    // Its size is not known beforehand, so it travels as a large one.
    const need = { sha256: options.treeHash, variant: "r", sizeBytes: MAX_MANIFEST_BYTES } as const;
    const fetchedBytes = await this.supply.ensure([need], options.fetcher);
    const bytes = await readFile(this.parts.blobs.pathOf(options.treeHash, "r"));
    return { manifest: decodeManifest(bytes, { names: this.parts.names }), fetchedBytes };
  }

  usage(): { sizeBytes: number } {
    return { sizeBytes: this.parts.blobs.sizeBytes + this.workspaceBytes };
  }

  evict(): Promise<void> {
    return this.evictTo(this.parts.limitBytes);
  }

  private async evictTo(limitBytes: number): Promise<void> {
    await this.gate.alone(async () => {
      const { dir, blobs, trees, method } = this.parts;
      const busy = new Set([...this.inUse.values(), ...this.preparing.keys()]);
      this.workspaceBytes = await makeRoom({ dir, limitBytes, blobs, trees, method, busy });
    });
  }

  private async saveSometimes(): Promise<void> {
    if (this.parts.now() - this.savedAtMs < SAVE_EVERY_MS) return;
    await this.save();
  }

  private async save(): Promise<void> {
    this.savedAtMs = this.parts.now();
    await writeIndex(this.parts.dir, { stamps: this.parts.blobs.stamps(), trees: this.parts.trees });
  }

  async close(): Promise<void> {
    await this.gate.alone(() => this.save());
  }
}

function workspaceId(options: PrepareOptions): string {
  if (!/^[0-9a-f]{64}$/.test(options.treeHash))
    throw new TypeError("treeHash is not a SHA-256 in hexadecimal");
  if (!Number.isSafeInteger(options.slot) || options.slot < 0)
    throw new TypeError("slot is not a number from 0");
  return `${options.treeHash}-${options.slot}`;
}

function detectNameRules(dir: string): NameRules {
  writeFileSync(join(dir, "Probe"), "");
  const folds = existsSync(join(dir, "pROBE"));
  rmSync(join(dir, "Probe"), { force: true });
  return folds ? "folding" : "exact";
}
