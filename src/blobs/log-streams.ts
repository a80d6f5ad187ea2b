/**
 * Logs as resumable append streams, one per (task, attempt).
 *
 * A sender that lost its answer simply sends again: what is held already and equal is dropped, what extends
 * the stream is stored, a hole is refused with the offset to go on from. Appends to one stream go one after
 * another; appends to different streams share flushes, and that is where the concurrency is.
 */
import { createHash } from "node:crypto";
import { errnoOf } from "./disk.ts";
import { BlobCorrupt, LogConflict, LogGap } from "./errors.ts";
import type { BlobIndex, ChunkPlace } from "./index-db.ts";
import { checkLogKey, encodeLogKey } from "./pack-format.ts";
import type { LogKey } from "./pack-format.ts";
import type { PackFiles } from "./pack-files.ts";
import type { PackWriter } from "./pack-writer.ts";

export class LogStreams {
  private readonly files: PackFiles;
  private readonly index: BlobIndex;
  private readonly writer: PackWriter;
  private readonly chunkBytes: number;
  private readonly tails = new Map<string, Promise<unknown>>();

  constructor(options: { files: PackFiles; index: BlobIndex; writer: PackWriter; chunkBytes: number }) {
    this.files = options.files;
    this.index = options.index;
    this.writer = options.writer;
    this.chunkBytes = options.chunkBytes;
  }

  size(key: LogKey): number {
    checkLogKey(key);
    return this.index.logSize(encodeLogKey(key, 0));
  }

  async append(key: LogKey, offset: number, bytes: Uint8Array): Promise<{ size: number }> {
    checkLogKey(key);
    const name = encodeLogKey(key, 0).toString("latin1");
    const before = this.tails.get(name) ?? Promise.resolve();
    const mine = before.then(
      () => this.appendNow(key, offset, bytes),
      () => this.appendNow(key, offset, bytes),
    );
    this.tails.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.tails.get(name) === mine) this.tails.delete(name);
    }
  }

  private async appendNow(key: LogKey, offset: number, bytes: Uint8Array): Promise<{ size: number }> {
    const size = this.size(key);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > size) throw new LogGap(size, offset);
    const repeated = Math.min(size - offset, bytes.length);
    if (repeated > 0) await this.checkRepeated(key, offset, bytes.subarray(0, repeated));
    await this.store(key, offset + repeated, bytes.subarray(repeated));
    return { size: this.size(key) };
  }

  private async checkRepeated(key: LogKey, offset: number, bytes: Uint8Array): Promise<void> {
    const held = await this.read(key, { from: offset, to: offset + bytes.length });
    if (!Buffer.from(held).equals(bytes)) throw new LogConflict(offset);
  }

  private async store(key: LogKey, offset: number, bytes: Uint8Array): Promise<void> {
    const stored: Promise<void>[] = [];
    for (let at = 0; at < bytes.length; at += this.chunkBytes) {
      const body = bytes.subarray(at, at + this.chunkBytes);
      const sha256 = createHash("sha256").update(body).digest();
      const head = {
        kind: "log",
        sha256,
        key: encodeLogKey(key, offset + at),
        bodyBytes: body.length,
      } as const;
      stored.push(this.writer.append(head, body));
    }
    // All must have ended before the stream goes on, or a late chunk could meet the sender's next try.
    const failed = (await Promise.allSettled(stored)).find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async read(key: LogKey, range: { from: number; to?: number }): Promise<Uint8Array> {
    checkLogKey(key);
    const start = encodeLogKey(key, 0);
    const end = Math.min(range.to ?? Number.MAX_SAFE_INTEGER, this.index.logSize(start));
    const parts: Buffer[] = [];
    let at = Math.max(0, range.from);
    while (at < end) {
      const chunk = this.index.chunkAt(start, at);
      if (chunk === null && this.index.logSize(start) === 0) break;
      if (chunk === null) throw new BlobCorrupt(`log ${key.task_id}/${key.attempt}`, `no chunk at ${at}`);
      const bytes = await this.chunkBytesOf(key, chunk).catch((error: unknown) => {
        // Its pack went meanwhile: the chunk lies elsewhere now, or the log is no longer kept.
        if (errnoOf(error) === "ENOENT" && hasMoved(chunk, this.index.chunkAt(start, at))) return null;
        throw error;
      });
      if (bytes === null) continue;
      const part = bytes.subarray(at - chunk.logOffset, end - chunk.logOffset);
      parts.push(part);
      at += part.length;
    }
    return Buffer.concat(parts);
  }

  private async chunkBytesOf(key: LogKey, chunk: ChunkPlace): Promise<Buffer> {
    const body = await this.files.read(chunk.pack, chunk.offset + chunk.headBytes, chunk.bodyBytes);
    if (!createHash("sha256").update(body).digest().equals(chunk.sha256)) {
      throw new BlobCorrupt(`log ${key.task_id}/${key.attempt}`, `pack ${chunk.pack} at ${chunk.offset}`);
    }
    return body.subarray(chunk.skip, chunk.skip + chunk.length);
  }
}

function hasMoved(before: ChunkPlace, now: ChunkPlace | null): boolean {
  return now === null || now.pack !== before.pack || now.offset !== before.offset;
}
