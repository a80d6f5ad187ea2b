/**
 * Group flush: everything that waits while one flush runs shares the next one.
 *
 * A flush costs about the same for one entry as for a thousand, so one write and one flush per group turn
 * hundreds of durable puts a second into many thousands, at the price of one flush of delay for each.
 * An entry is announced (indexed, promise resolved) only after the flush that covers it.
 */
import { BlobStoreClosed, DiskFailed, DiskFull } from "./errors.ts";
import { isNearlyFull, isNoRoom } from "./disk.ts";
import type { DiskIo } from "./disk.ts";
import type { BlobIndex, IndexedEntry, PackSpot } from "./index-db.ts";
import { encodeHead, FILE_HEADER_BYTES } from "./pack-format.ts";
import type { EntryHead } from "./pack-format.ts";
import type { NewPack, PackFiles } from "./pack-files.ts";

export interface WriterLimits {
  packBytes: number;
  groupBytes: number;
  /** Above this many waiting bytes, a writer is made to wait before it may queue more. */
  queueBytes: number;
}

interface Waiting {
  head: EntryHead;
  body: Uint8Array;
  from: PackSpot | null;
  resolve: () => void;
  reject: (error: unknown) => void;
}

interface Current extends NewPack {
  end: number;
  /** Milliseconds since 1970. */
  madeAt: number;
}

export class PackWriter {
  private readonly files: PackFiles;
  private readonly index: BlobIndex;
  private readonly io: DiskIo;
  private readonly limits: WriterLimits;
  private queue: Waiting[] = [];
  private queuedBytes = 0;
  private current: Current | null = null;
  private nextNumber: number;
  private running: Promise<void> | null = null;
  private closed = false;
  /** The current pack gets a successor if it was made by then. */
  private endsBefore = Number.NEGATIVE_INFINITY;
  failure: DiskFailed | null = null;

  constructor(options: {
    files: PackFiles;
    index: BlobIndex;
    io: DiskIo;
    limits: WriterLimits;
    nextNumber: number;
  }) {
    this.files = options.files;
    this.index = options.index;
    this.io = options.io;
    this.limits = options.limits;
    this.nextNumber = options.nextNumber;
  }

  /** Resolves once the entry is durable and indexed. @param from the entry that this is a copy of */
  async append(head: EntryHead, body: Uint8Array, from: PackSpot | null = null): Promise<void> {
    while (this.queuedBytes > this.limits.queueBytes && this.running !== null) await this.running;
    this.assertUsable();
    return new Promise((resolve, reject) => {
      this.queue.push({ head, body, from, resolve, reject });
      this.queuedBytes += body.length;
      this.running ??= this.run();
    });
  }

  /** The pack being written, which nobody needs to scan. */
  currentNumber(): number | null {
    return this.current?.number ?? null;
  }

  /** A pack that is written to for ever would never be old enough to be thinned out. */
  endPackOlderThan(time: number): void {
    this.endsBefore = time;
  }

  assertUsable(): void {
    if (this.failure !== null) throw this.failure;
    if (this.closed) throw new BlobStoreClosed();
  }

  /** Ends the store's life: nothing that was not acknowledged is known to be on disk any more. */
  fail(path: string, cause: unknown): DiskFailed {
    this.failure ??= new DiskFailed(path, cause);
    return this.failure;
  }

  async flushed(): Promise<void> {
    while (this.running !== null) await this.running;
    if (this.failure !== null) throw this.failure;
  }

  async close(): Promise<void> {
    this.closed = true;
    while (this.running !== null) await this.running;
    await this.current?.handle.close();
    this.current = null;
  }

  private async run(): Promise<void> {
    // One turn of the event loop: whatever is put in the same turn belongs to the same group.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const group = this.takeGroup();
      await this.store(group);
    }
    this.running = null;
  }

  private takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.queue.length && (count === 0 || bytes < this.limits.groupBytes)) {
      bytes += this.queue[count]?.body.length ?? 0;
      count += 1;
    }
    const group = this.queue.slice(0, count);
    this.queue = this.queue.slice(count);
    this.queuedBytes = this.queue.reduce((sum, waiting) => sum + waiting.body.length, 0);
    return group;
  }

  private async store(group: Waiting[]): Promise<void> {
    try {
      if (this.failure !== null) throw this.failure;
      await this.writeGroup(group);
    } catch (error) {
      for (const waiting of group) waiting.reject(error);
      return;
    }
    for (const waiting of group) waiting.resolve();
  }

  private async writeGroup(group: Waiting[]): Promise<void> {
    const pack = await this.packWithRoom();
    const { bytes, entries } = layOut(group, pack);
    try {
      await this.io.write(pack.handle, bytes, pack.end);
    } catch (error) {
      throw await this.afterFailedWrite(pack, error);
    }
    try {
      await this.io.sync(pack.handle);
    } catch (error) {
      throw this.fail(pack.path, error);
    }
    pack.end += bytes.length;
    this.remember(entries, pack);
  }

  private remember(entries: IndexedEntry[], pack: Current): void {
    try {
      this.index.commit(entries, pack.number, { salt: pack.salt, end: pack.end });
    } catch (error) {
      // LMDB reports a short write on a full disk as EIO; its transaction is undone either way.
      if (isNoRoom(error) || isNearlyFull(this.index.dir)) throw new DiskFull(this.index.dir, error);
      throw this.fail(this.index.dir, error);
    }
  }

  /**
   * The pack goes back to its last acknowledged byte; one that cannot is left alone and never written again.
   */
  private async afterFailedWrite(pack: Current, error: unknown): Promise<Error> {
    if (!isNoRoom(error)) return this.fail(pack.path, error);
    try {
      await pack.handle.truncate(pack.end);
    } catch {
      this.current = null;
      await pack.handle.close().catch(() => undefined);
    }
    return new DiskFull(pack.path, error);
  }

  private async packWithRoom(): Promise<Current> {
    const { current } = this;
    if (current !== null && current.end < this.limits.packBytes && current.madeAt > this.endsBefore)
      return current;
    const full = this.current;
    this.current = null;
    await full?.handle.close();
    try {
      const made = await this.files.create(this.nextNumber);
      this.nextNumber = made.number + 1;
      this.current = { ...made, end: FILE_HEADER_BYTES, madeAt: Date.now() };
      return this.current;
    } catch (error) {
      if (isNoRoom(error)) throw new DiskFull(this.files.dir, error);
      throw this.fail(this.files.dir, error);
    }
  }
}

function layOut(group: Waiting[], pack: Current): { bytes: Buffer; entries: IndexedEntry[] } {
  const parts: Uint8Array[] = [];
  const entries: IndexedEntry[] = [];
  let offset = pack.end;
  for (const { head, body, from } of group) {
    const headRaw = encodeHead(pack.salt, head);
    parts.push(headRaw, body);
    const place = { pack: pack.number, offset, headBytes: headRaw.length, bodyBytes: body.length };
    const key = head.kind === "blob" ? head.sha256 : head.key;
    const entry = { kind: head.kind, key, place: { ...place, sha256: head.sha256 } };
    entries.push(from === null ? entry : { ...entry, from });
    offset += headRaw.length + body.length;
  }
  return { bytes: Buffer.concat(parts), entries };
}
