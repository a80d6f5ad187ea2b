/**
 * The content-addressed store of a coordinator: a directory of packs for the many small things, own files
 * for the few large ones, and an index that can always be built again.
 *
 *     packs/NNNNNN.pack   blobs up to 64 KiB and log chunks, appended in groups that share one flush
 *     objects/ab/cdef…    larger blobs
 *     index/              LMDB: hash → place; a cache
 *     corrupt/ tmp/       damaged files set aside; uploads under way
 *
 * Several coordinators may use one directory (each writes packs of its own); give each its own `indexDir`
 * then, on a local disk, and call `refresh` to see what the others wrote.
 */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { errnoOf, isNoRoom, realDisk } from "./disk.ts";
import type { DiskIo } from "./disk.ts";
import { BlobCorrupt, BlobHashMismatch, BlobMissing, BlobTooLarge, DiskFailed, DiskFull } from "./errors.ts";
import type { BlobIndex, Place } from "./index-db.ts";
import { LogStreams } from "./log-streams.ts";
import { ObjectFiles } from "./objects.ts";
import type { ByteRange } from "./objects.ts";
import { indexNewEntries, openIndex } from "./open.ts";
import type { ScanReport } from "./open.ts";
import { checkHash } from "./pack-format.ts";
import type { LogKey } from "./pack-format.ts";
import { PackFiles } from "./pack-files.ts";
import { PackWriter } from "./pack-writer.ts";
import { applySweep } from "./sweep.ts";
import type { SweepLine, SweepOptions, SweepReport } from "./sweep.ts";

export type { LogKey } from "./pack-format.ts";
export type { ByteRange } from "./objects.ts";
export type { ScanReport } from "./open.ts";

export interface LargeBlob {
  sizeBytes: number;
  stream(range?: ByteRange): Readable;
}

export interface BlobStore {
  /** Stores bytes; resolves with the SHA-256 (hex) once durable. All puts that wait share one flush. */
  put(bytes: Uint8Array, options?: { expected?: string }): Promise<string>;
  has(hash: string): boolean;
  /** Those of `hashes` that are not here, or may be thinned out soon, each once. */
  missing(hashes: readonly string[]): string[];
  /** The verified bytes. Throws BlobMissing or BlobCorrupt. */
  get(hash: string): Promise<Uint8Array>;
  /** For streaming; `range` counts bytes, `to` exclusive. Only a whole stream is verified, at its end. */
  openLarge(hash: string): Promise<LargeBlob>;
  /** Stores a stream without holding it in memory. Throws BlobTooLarge, BlobHashMismatch. */
  putStream(
    source: AsyncIterable<Uint8Array>,
    options: { expected: string; limitBytes: number },
  ): Promise<string>;
  /** Appends to a log stream; resolves once durable with the size then held. Throws LogGap, LogConflict. */
  appendLog(key: LogKey, offset: number, bytes: Uint8Array): Promise<{ size: number }>;
  logSize(key: LogKey): number;
  /** Bytes `from` … `to` (exclusive), cut to what is held. */
  readLog(key: LogKey, range: { from: number; to?: number }): Promise<Uint8Array>;
  /** Thins out what a plan names; see sweep.ts. One at a time, and only by whoever leads. */
  sweep(lines: AsyncIterable<SweepLine>, options: SweepOptions): Promise<SweepReport>;
  /** Indexes what other processes have written to the same directory since. */
  refresh(): Promise<ScanReport>;
  /** Resolves when everything put so far is durable. */
  flushed(): Promise<void>;
  close(): Promise<void>;
}

export interface BlobStoreLimits {
  /** Blobs up to this size go into packs. */
  packedBlobBytes: number;
  /** Bytes of one write. */
  groupBytes: number;
  /** Waiting bytes above which writers are held back. */
  queueBytes: number;
  /** Log bytes are cut into entries of at most this size. */
  logChunkBytes: number;
}

const DEFAULT_LIMITS: BlobStoreLimits = {
  packedBlobBytes: 64 * 1024,
  groupBytes: 8 * 1024 * 1024,
  queueBytes: 64 * 1024 * 1024,
  logChunkBytes: 1024 * 1024,
};
const DEFAULT_PACK_BYTES = 256 * 1024 * 1024;

export interface OpenBlobStoreOptions {
  dir: string;
  indexDir?: string;
  packLimitBytes?: number;
  limits?: Partial<BlobStoreLimits>;
  disk?: DiskIo;
}

export async function openBlobStore(options: OpenBlobStoreOptions): Promise<BlobStore> {
  try {
    return await openParts(options);
  } catch (error) {
    if (isNoRoom(error)) throw new DiskFull(options.dir, error);
    throw error;
  }
}

async function openParts(options: OpenBlobStoreOptions): Promise<BlobStore> {
  const io = options.disk ?? realDisk;
  await mkdir(options.dir, { recursive: true });
  const files = new PackFiles(join(options.dir, "packs"), io);
  const known = await files.list();
  const { index, fresh } = await openIndex(options.indexDir ?? join(options.dir, "index"), files);
  const report = await indexNewEntries(index, { files, io, except: null });
  const objects = new ObjectFiles(options.dir, io);
  await objects.open({ unclean: fresh || report.scannedPacks > 0 });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const packBytes = options.packLimitBytes ?? DEFAULT_PACK_BYTES;
  const nextNumber = (known.at(-1) ?? 0) + 1;
  const writer = new PackWriter({ files, index, io, limits: { ...limits, packBytes }, nextNumber });
  return new DirectoryBlobStore({ files, index, io, objects, writer, limits });
}

interface Parts {
  files: PackFiles;
  index: BlobIndex;
  io: DiskIo;
  objects: ObjectFiles;
  writer: PackWriter;
  limits: BlobStoreLimits;
}

class DirectoryBlobStore implements BlobStore {
  private readonly parts: Parts;
  private readonly logs: LogStreams;
  /** Puts under way, by hash: a second put of the same bytes waits for the first. */
  private readonly storing = new Map<string, Promise<void>>();
  private closing: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.parts = parts;
    this.logs = new LogStreams({ ...parts, chunkBytes: parts.limits.logChunkBytes });
  }

  async put(bytes: Uint8Array, options: { expected?: string } = {}): Promise<string> {
    this.parts.writer.assertUsable();
    const digest = createHash("sha256").update(bytes).digest();
    const hash = digest.toString("hex");
    if (options.expected !== undefined && options.expected !== hash) {
      throw new BlobHashMismatch(options.expected, hash);
    }
    if (this.isSafe(hash)) return hash;
    await this.once(hash, () => this.store(bytes, digest));
    return hash;
  }

  private store(bytes: Uint8Array, digest: Buffer): Promise<void> {
    if (bytes.length > this.parts.limits.packedBlobBytes) {
      return this.storeObject([bytes], { expected: digest.toString("hex"), limitBytes: bytes.length });
    }
    const head = { kind: "blob", sha256: digest, key: Buffer.alloc(0), bodyBytes: bytes.length } as const;
    return this.parts.writer.append(head, bytes);
  }

  private async storeObject(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: { expected: string; limitBytes: number },
  ): Promise<void> {
    const { objects, index } = this.parts;
    const { expected } = options;
    try {
      // Fresh bytes under the name: what was condemned is too young to be thinned out from now on.
      await objects.put(source, { ...options, replaces: index.isCondemned(expected) });
      if (index.isCondemned(expected)) index.spare(expected);
    } catch (error) {
      if (error instanceof DiskFailed) throw this.parts.writer.fail(error.details.path, error.cause);
      throw error;
    }
  }

  private async once(hash: string, action: () => Promise<void>): Promise<void> {
    const running = this.storing.get(hash);
    if (running !== undefined) return running;
    const mine = action();
    this.storing.set(hash, mine);
    try {
      await mine;
    } finally {
      this.storing.delete(hash);
    }
  }

  has(hash: string): boolean {
    this.parts.writer.assertUsable();
    checkHash(hash);
    return this.parts.index.hasBlob(hash) || this.parts.objects.has(hash);
  }

  missing(hashes: readonly string[]): string[] {
    return [...new Set(hashes)].filter((hash) => !this.isSafe(hash));
  }

  /** Here, and not about to be thinned out: nobody need send it. */
  private isSafe(hash: string): boolean {
    return this.has(hash) && !this.parts.index.isCondemned(hash);
  }

  async get(hash: string): Promise<Uint8Array> {
    this.parts.writer.assertUsable();
    checkHash(hash);
    const place = this.parts.index.blob(hash);
    if (place === null) return this.parts.objects.get(hash);
    try {
      return await this.readPacked(hash, place);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      return this.readMoved(hash, place);
    }
  }

  /** Its pack went between the look into the index and the reading. */
  private async readMoved(hash: string, before: Place): Promise<Uint8Array> {
    const now = this.parts.index.blob(hash);
    if (now !== null && (now.pack !== before.pack || now.offset !== before.offset)) return this.get(hash);
    if (now !== null) this.parts.index.dropBlob(hash);
    throw new BlobMissing(hash);
  }

  private async readPacked(hash: string, place: Place): Promise<Uint8Array> {
    const { files, index } = this.parts;
    const body = await files.read(place.pack, place.offset + place.headBytes, place.bodyBytes);
    if (createHash("sha256").update(body).digest("hex") === hash) return body;
    index.dropBlob(hash);
    throw new BlobCorrupt(hash, `pack ${place.pack} at ${place.offset}`);
  }

  async openLarge(hash: string): Promise<LargeBlob> {
    this.parts.writer.assertUsable();
    checkHash(hash);
    if (this.parts.index.hasBlob(hash)) {
      const bytes = await this.get(hash);
      const cut = (range?: ByteRange): Readable =>
        Readable.from([Buffer.from(bytes.subarray(range?.from ?? 0, range?.to))]);
      return { sizeBytes: bytes.length, stream: cut };
    }
    if (!this.parts.objects.has(hash)) throw new BlobMissing(hash);
    const sizeBytes = await this.parts.objects.sizeOf(hash);
    return { sizeBytes, stream: (range) => this.parts.objects.stream(hash, range) };
  }

  async putStream(
    source: AsyncIterable<Uint8Array>,
    options: { expected: string; limitBytes: number },
  ): Promise<string> {
    this.parts.writer.assertUsable();
    checkHash(options.expected);
    const iterator = source[Symbol.asyncIterator]();
    const start = await this.readStart(iterator, options);
    if (start.ended) return this.put(Buffer.concat(start.chunks), { expected: options.expected });
    await this.storeObject(continued(start.chunks, iterator), options);
    return options.expected;
  }

  /** The first bytes, up to the pack limit: a stream that ends within them is a small blob. */
  private async readStart(
    iterator: AsyncIterator<Uint8Array>,
    options: { expected: string; limitBytes: number },
  ): Promise<{ chunks: Uint8Array[]; ended: boolean }> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    while (size <= this.parts.limits.packedBlobBytes) {
      const next = await iterator.next();
      if (next.done === true) return { chunks, ended: true };
      chunks.push(next.value);
      size += next.value.length;
      if (size <= options.limitBytes) continue;
      await iterator.return?.();
      throw new BlobTooLarge(options.expected, options.limitBytes);
    }
    return { chunks, ended: false };
  }

  async appendLog(key: LogKey, offset: number, bytes: Uint8Array): Promise<{ size: number }> {
    this.parts.writer.assertUsable();
    return this.logs.append(key, offset, bytes);
  }

  logSize(key: LogKey): number {
    this.parts.writer.assertUsable();
    return this.logs.size(key);
  }

  async readLog(key: LogKey, range: { from: number; to?: number }): Promise<Uint8Array> {
    this.parts.writer.assertUsable();
    return this.logs.read(key, range);
  }

  sweep(lines: AsyncIterable<SweepLine>, options: SweepOptions): Promise<SweepReport> {
    this.parts.writer.assertUsable();
    return applySweep(this.parts, lines, options);
  }

  async refresh(): Promise<ScanReport> {
    this.parts.writer.assertUsable();
    const { files, index, io, writer } = this.parts;
    return indexNewEntries(index, { files, io, except: writer.currentNumber() });
  }

  async flushed(): Promise<void> {
    await Promise.allSettled(this.storing.values());
    await this.parts.writer.flushed();
  }

  close(): Promise<void> {
    this.closing ??= this.closeNow();
    return this.closing;
  }

  private async closeNow(): Promise<void> {
    await Promise.allSettled(this.storing.values());
    await this.parts.writer.close();
    await this.parts.files.close();
    await this.parts.index.close();
  }
}

async function* continued(
  start: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* start;
  try {
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}
