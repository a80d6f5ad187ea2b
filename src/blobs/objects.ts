/**
 * Blobs above the pack limit, each a file of its own under objects/ab/cdef….
 *
 * Written to a temporary name, flushed, renamed, and its directory flushed: a name under objects/ always
 * holds whole bytes. Until the directory is flushed the blob counts as absent, so nobody builds on it too
 * early.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { errnoOf, isNoRoom, syncDirectory } from "./disk.ts";
import type { DiskIo } from "./disk.ts";
import { BlobCorrupt, BlobHashMismatch, BlobMissing, BlobTooLarge, DiskFailed, DiskFull } from "./errors.ts";

export interface ByteRange {
  from: number;
  to?: number;
}

export class ObjectFiles {
  private readonly dir: string;
  private readonly io: DiskIo;
  private readonly settling = new Set<string>();
  constructor(dir: string, io: DiskIo) {
    this.dir = dir;
    this.io = io;
  }

  /**
   * Prepares the folders. After an unclean end the directories are flushed again: a rename may not be
   * durable.
   */
  async open(options: { unclean: boolean }): Promise<void> {
    await mkdir(join(this.dir, "objects"), { recursive: true });
    await rm(join(this.dir, "tmp"), { recursive: true, force: true });
    await mkdir(join(this.dir, "tmp"), { recursive: true });
    if (!options.unclean) return;
    const shards = await readdir(join(this.dir, "objects"));
    for (const shard of shards) await syncDirectory(this.io, join(this.dir, "objects", shard));
    await syncDirectory(this.io, join(this.dir, "objects"));
  }

  has(hash: string): boolean {
    return !this.settling.has(hash) && existsSync(this.pathOf(hash));
  }

  async get(hash: string): Promise<Uint8Array> {
    const bytes = await this.orMissing(hash, readFile(this.pathOf(hash)));
    if (createHash("sha256").update(bytes).digest("hex") === hash) return bytes;
    await this.setAside(hash);
    throw new BlobCorrupt(hash, "own file");
  }

  async sizeOf(hash: string): Promise<number> {
    return (await this.orMissing(hash, stat(this.pathOf(hash)))).size;
  }

  /** A whole read is verified at its end (the stream fails with BlobCorrupt); a part cannot be. */
  stream(hash: string, range?: ByteRange): Readable {
    const path = this.pathOf(hash);
    if (range !== undefined) {
      if (range.to !== undefined && range.to <= range.from) return Readable.from([]);
      const end = range.to === undefined ? {} : { end: range.to - 1 };
      return createReadStream(path, { start: range.from, ...end });
    }
    const source = createReadStream(path);
    const checked = this.verifying(hash);
    source.on("error", (error) => checked.destroy(error));
    checked.on("close", () => source.destroy());
    return source.pipe(checked);
  }

  private verifying(hash: string): Transform {
    const digest = createHash("sha256");
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        digest.update(chunk);
        done(null, chunk);
      },
      flush: (done) => {
        if (digest.digest("hex") === hash) return done();
        const failed = (): void => done(new BlobCorrupt(hash, "own file"));
        this.setAside(hash).then(failed, failed);
      },
    });
  }

  /** Stores what the source yields, after `head`, when it hashes to `expected`. */
  async put(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: { expected: string; limitBytes: number; replaces?: boolean },
  ): Promise<void> {
    const temporary = join(this.dir, "tmp", randomUUID());
    try {
      await this.writeTemporary(temporary, source, options);
      await this.publish(temporary, options.expected, { replaces: options.replaces === true });
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      if (isNoRoom(error)) throw new DiskFull(temporary, error);
      throw error;
    }
  }

  private async writeTemporary(
    path: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: { expected: string; limitBytes: number },
  ): Promise<void> {
    const handle = await open(path, "wx", 0o600);
    try {
      const digest = createHash("sha256");
      let size = 0;
      for await (const chunk of source) {
        if (size + chunk.length > options.limitBytes)
          throw new BlobTooLarge(options.expected, options.limitBytes);
        digest.update(chunk);
        await this.writeChunk(handle, { path, bytes: chunk, position: size });
        size += chunk.length;
      }
      const actual = digest.digest("hex");
      if (actual !== options.expected) throw new BlobHashMismatch(options.expected, actual);
      await this.sync(() => this.io.sync(handle), path);
    } finally {
      await handle.close();
    }
  }

  private async writeChunk(
    handle: FileHandle,
    chunk: { path: string; bytes: Uint8Array; position: number },
  ): Promise<void> {
    try {
      await this.io.write(handle, chunk.bytes, chunk.position);
    } catch (error) {
      if (isNoRoom(error)) throw error;
      throw new DiskFailed(chunk.path, error);
    }
  }

  private async sync(action: () => Promise<void>, path: string): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw new DiskFailed(path, error);
    }
  }

  private async publish(temporary: string, hash: string, { replaces }: { replaces: boolean }): Promise<void> {
    const target = this.pathOf(hash);
    const shard = join(this.dir, "objects", hash.slice(0, 2));
    const shardIsNew = (await mkdir(shard, { recursive: true })) !== undefined;
    if (!replaces && this.has(hash)) return rm(temporary, { force: true });
    this.settling.add(hash);
    try {
      await rename(temporary, target);
      await this.sync(() => syncDirectory(this.io, shard), shard);
      const top = join(this.dir, "objects");
      if (shardIsNew) await this.sync(() => syncDirectory(this.io, top), top);
    } finally {
      this.settling.delete(hash);
    }
  }

  /** @returns the bytes that are free now; 0 for one that is not there or younger than `madeBefore` */
  async remove(hash: string, { madeBefore }: { madeBefore: number }): Promise<number> {
    const info = await stat(this.pathOf(hash)).catch(() => null);
    if (info === null || info.mtimeMs > madeBefore) return 0;
    await rm(this.pathOf(hash), { force: true });
    return info.size;
  }

  async *all(): AsyncGenerator<{ hash: string; path: string; madeAt: number }> {
    const shards = await readdir(join(this.dir, "objects")).catch(() => []);
    for (const shard of shards) {
      for (const name of await readdir(join(this.dir, "objects", shard)).catch(() => [])) {
        const hash = shard + name;
        const info = await stat(this.pathOf(hash)).catch(() => null);
        if (info !== null) yield { hash, path: this.pathOf(hash), madeAt: info.mtimeMs };
      }
    }
  }

  /** Damaged bytes leave objects/, so that the blob counts as missing and can be put again. */
  private async setAside(hash: string): Promise<void> {
    await mkdir(join(this.dir, "corrupt"), { recursive: true });
    await rename(this.pathOf(hash), join(this.dir, "corrupt", hash)).catch(() => undefined);
  }

  private async orMissing<T>(hash: string, reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") throw new BlobMissing(hash);
      throw error;
    }
  }

  pathOf(hash: string): string {
    return join(this.dir, "objects", hash.slice(0, 2), hash.slice(2));
  }
}
