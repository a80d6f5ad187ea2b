/**
 * Gets the blobs that a tree needs and the cache lacks. Every byte is verified before it counts; a damaged
 * copy is fetched again, twice; and whoever needs a blob that somebody else is fetching already waits for
 * that one.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BlobCache, BlobNeed, Variant } from "./blob-cache.ts";
import { FetchedBlobCorrupt, FetchedBlobMissing } from "./errors.ts";
import { eachLimited, eachOf, hashFile } from "./hash-file.ts";
import { hashOf } from "./manifest.ts";

const FETCHES_PER_BLOB = 3;
const REQUESTS_AT_ONCE = 4;
const CHECKS_AT_ONCE = 8;
const PACKED_BLOB_BYTES = 1024 * 1024;
const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_BLOBS = 1_000;
const WRITES_AT_ONCE = 4;
const MAX_ROUNDS = 20;

export interface BlobFetcher {
  /** Many small blobs in any order; one that is not there is simply not delivered. */
  fetchMany(hashes: string[]): AsyncIterable<{ sha256: string; bytes: Uint8Array }>;
  /** One blob of any size into a new file. */
  fetchToFile(sha256: string, path: string): Promise<void>;
}

interface Wanted {
  sha256: string;
  variant: Variant;
  sizeBytes: number;
  done: () => void;
  fail: (error: unknown) => void;
}

export class BlobSupply {
  private readonly cache: BlobCache;
  private readonly temporaryDir: string;
  private readonly underway = new Map<string, Promise<void>>();

  constructor(cache: BlobCache, temporaryDir: string) {
    this.cache = cache;
    this.temporaryDir = temporaryDir;
  }

  /** Resolves with the bytes fetched by this call once every need is in the cache and verified. */
  async ensure(needs: readonly BlobNeed[], fetcher: BlobFetcher): Promise<number> {
    let fetchedBytes = 0;
    let lacking = await this.lacking(needs);
    for (let round = 1; lacking.length > 0; round += 1) {
      const [first] = lacking;
      // Stored and verified, and yet not there: something else writes in this cache.
      if (first !== undefined && round > MAX_ROUNDS) throw new FetchedBlobCorrupt(first.sha256, MAX_ROUNDS);
      const foreign = this.foreign(lacking);
      const mine = this.claim(lacking);
      fetchedBytes += await this.fetchAll(mine, fetcher);
      // What somebody else failed to fetch we try again: their fetcher may have lost its connection.
      await Promise.allSettled(foreign);
      lacking = await this.lacking(lacking);
    }
    return fetchedBytes;
  }

  private async lacking(needs: readonly BlobNeed[]): Promise<BlobNeed[]> {
    const stale = needs.filter((need) => this.cache.fresh(need.sha256, need.variant) === null);
    const lacking: BlobNeed[] = [];
    await eachLimited(stale, CHECKS_AT_ONCE, async (need) => {
      if (await this.cache.verify(need.sha256, need.variant)) return;
      if (!(await this.derive(need))) lacking.push(need);
    });
    return lacking;
  }

  /** The same content with the other mode may be here already. */
  private async derive(need: BlobNeed): Promise<boolean> {
    const other: Variant = need.variant === "x" ? "r" : "x";
    if (!(await this.cache.verify(need.sha256, other))) return false;
    const temporary = this.temporaryPath();
    try {
      await copyFile(this.cache.pathOf(need.sha256, other), temporary, constants.COPYFILE_FICLONE);
      if ((await hashFile(temporary)).sha256 !== need.sha256) return false;
      this.cache.adopt(temporary, need.sha256, need.variant);
      return true;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  private foreign(needs: readonly BlobNeed[]): Promise<void>[] {
    return needs.flatMap((need) => this.underway.get(need.sha256) ?? []);
  }

  private claim(needs: readonly BlobNeed[]): Wanted[] {
    const mine: Wanted[] = [];
    for (const { sha256, variant, sizeBytes } of needs) {
      if (this.underway.has(sha256)) continue;
      const promise = new Promise<void>((done, fail) =>
        mine.push({ sha256, variant, sizeBytes, done, fail }),
      );
      // Often nobody else waits.
      promise.catch(() => undefined);
      this.underway.set(sha256, promise);
    }
    return mine;
  }

  private async fetchAll(mine: readonly Wanted[], fetcher: BlobFetcher): Promise<number> {
    const small = batches(mine.filter((wanted) => wanted.sizeBytes <= PACKED_BLOB_BYTES));
    const large = mine.filter((wanted) => wanted.sizeBytes > PACKED_BLOB_BYTES).map((wanted) => [wanted]);
    let bytes = 0;
    try {
      await eachLimited([...large, ...small], REQUESTS_AT_ONCE, async (job) => {
        const [first] = job;
        if (first !== undefined && first.sizeBytes > PACKED_BLOB_BYTES)
          bytes += await this.fetchLarge(first, fetcher);
        else bytes += await this.fetchBatch(job, fetcher);
      });
      return bytes;
    } catch (error) {
      for (const wanted of mine) wanted.fail(error);
      throw error;
    } finally {
      for (const wanted of mine) this.underway.delete(wanted.sha256);
    }
  }

  private async fetchLarge(wanted: Wanted, fetcher: BlobFetcher): Promise<number> {
    const temporary = this.temporaryPath();
    for (let attempt = 1; attempt <= FETCHES_PER_BLOB; attempt += 1) {
      try {
        await fetcher.fetchToFile(wanted.sha256, temporary);
        const { sha256, size } = await hashFile(temporary);
        if (sha256 !== wanted.sha256) continue;
        this.cache.adopt(temporary, sha256, wanted.variant);
        wanted.done();
        return size;
      } finally {
        await rm(temporary, { force: true });
      }
    }
    throw new FetchedBlobCorrupt(wanted.sha256, FETCHES_PER_BLOB);
  }

  private async fetchBatch(batch: readonly Wanted[], fetcher: BlobFetcher): Promise<number> {
    const open = new Map(batch.map((wanted) => [wanted.sha256, wanted]));
    const damaged = new Set<string>();
    let bytes = 0;
    for (let attempt = 1; attempt <= FETCHES_PER_BLOB && open.size > 0; attempt += 1) {
      const delivered = this.verified(fetcher.fetchMany([...open.keys()]), open, damaged);
      await eachOf(delivered, WRITES_AT_ONCE, async ({ wanted, content }) => {
        await this.store(wanted, content);
        bytes += content.length;
      });
    }
    const [left] = open.keys();
    if (left === undefined) return bytes;
    throw damaged.has(left) ? new FetchedBlobCorrupt(left, FETCHES_PER_BLOB) : new FetchedBlobMissing(left);
  }

  /** What was asked for and arrived whole; each leaves `open` as it passes. */
  private async *verified(
    items: AsyncIterable<{ sha256: string; bytes: Uint8Array }>,
    open: Map<string, Wanted>,
    damaged: Set<string>,
  ): AsyncGenerator<{ wanted: Wanted; content: Uint8Array }> {
    for await (const { sha256, bytes } of items) {
      const wanted = open.get(sha256);
      if (wanted === undefined) continue;
      if (hashOf(bytes) === sha256) {
        open.delete(sha256);
        yield { wanted, content: bytes };
      } else damaged.add(sha256);
    }
  }

  private async store(wanted: Wanted, bytes: Uint8Array): Promise<void> {
    const temporary = this.temporaryPath();
    try {
      await writeFile(temporary, bytes, { flag: "wx" });
      this.cache.adopt(temporary, wanted.sha256, wanted.variant);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    wanted.done();
  }

  private temporaryPath(): string {
    return join(this.temporaryDir, randomUUID());
  }
}

function batches(wanted: readonly Wanted[]): Wanted[][] {
  const out: Wanted[][] = [];
  let bytes = 0;
  for (const item of wanted) {
    const current = out.at(-1);
    if (current === undefined || bytes + item.sizeBytes > BATCH_BYTES || current.length >= BATCH_BLOBS) {
      out.push([item]);
      bytes = item.sizeBytes;
    } else {
      current.push(item);
      bytes += item.sizeBytes;
    }
  }
  return out;
}
