/**
 * Where each packed blob and log chunk lies: an LMDB index, so that memory stays small however many there
 * are.
 *
 * It is a cache of what the packs say, never the truth. So it runs without flushes of its own, and is thrown
 * away whenever it might lie: after a reboot that followed no clean close (LMDB without flushes survives a
 * killed process, not a power loss), when its format is another, when its size is not the one it was closed
 * with, when the last attempt to open it killed the process (LMDB maps the file: damage can end in a signal
 * instead of an error), or when a pack is shorter or other than it remembers. Rebuilding reads every pack
 * once.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import type { Database, RootDatabase } from "lmdb";
import { splitLogKey } from "./pack-format.ts";

const FORMAT = 1;
const VALUE_BYTES = 58;

/** One whole entry in a pack. */
export interface Place {
  pack: number;
  offset: number;
  headBytes: number;
  bodyBytes: number;
  sha256: Buffer;
}

/**
 * The part of a log stream that one chunk contributes: `length` bytes of its body, after the first `skip`.
 */
export interface ChunkPlace extends Place {
  skip: number;
  length: number;
  logOffset: number;
}

export interface PackCursor {
  salt: Buffer;
  end: number;
}

export interface IndexedEntry {
  kind: "blob" | "log";
  key: Buffer;
  place: Place;
  /** Set when the entry is a copy: it takes the place of the one there, if that still counts. */
  from?: PackSpot;
}

export interface PackSpot {
  pack: number;
  offset: number;
}

/** A blob that nobody names any more. It is still read, but counts as missing for whoever would send it. */
export interface Condemned {
  /** Milliseconds since 1970. */
  since: number;
  /** Of the sweep that has last found it unnamed. */
  sweep: number;
}

type SessionState = { kind: "opening" } | { kind: "open" } | { kind: "closed"; size_bytes: number };

interface Session {
  format: number;
  boot_id: string;
  state: SessionState;
}

export class BlobIndex {
  readonly dir: string;
  private readonly isReadOnly: boolean;
  private readonly root: RootDatabase<Buffer, string>;
  private readonly blobs: Database<Buffer, Buffer>;
  private readonly logs: Database<Buffer, Buffer>;
  private readonly packs: Database<Buffer, number>;
  private readonly condemned: Database<Buffer, Buffer>;
  /** Chunks that arrived before the bytes in front of them; only a scan makes them. */
  private waiting: IndexedEntry[] = [];

  private constructor(dir: string, { readOnly = false }: { readOnly?: boolean } = {}) {
    this.dir = dir;
    this.isReadOnly = readOnly;
    this.root = open({
      path: dataPath(dir),
      encoding: "binary",
      noSync: true,
      overlappingSync: false,
      maxDbs: 8,
      readOnly,
    });
    const binary = { encoding: "binary", keyEncoding: "binary" } as const;
    this.blobs = this.root.openDB({ name: "blobs", ...binary });
    this.logs = this.root.openDB({ name: "logs", ...binary });
    this.packs = this.root.openDB({ name: "packs", encoding: "binary", keyEncoding: "uint32" });
    this.condemned = this.root.openDB({ name: "condemned", ...binary });
  }

  /** Opens the index, or an empty one when what is there cannot be trusted. */
  static open(dir: string): { index: BlobIndex; fresh: boolean } {
    if (!trusted(dir)) rmSync(dir, { recursive: true, force: true });
    const fresh = !existsSync(dataPath(dir));
    mkdirSync(dir, { recursive: true });
    writeSession(dir, { kind: "opening" });
    const index = tryOpen(dir);
    if (index === null) return { index: BlobIndex.recreate(dir), fresh: true };
    writeSession(dir, { kind: "open" });
    return { index, fresh };
  }

  /** Beside the process that owns it. @throws when it is not there */
  static openReadOnly(dir: string): BlobIndex {
    return new BlobIndex(dir, { readOnly: true });
  }

  static recreate(dir: string): BlobIndex {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
    writeSession(dir, { kind: "open" });
    return new BlobIndex(dir);
  }

  /** Only for `open`: throws when LMDB cannot make sense of the files. */
  static attempt(dir: string): BlobIndex {
    const index = new BlobIndex(dir);
    index.cursors();
    return index;
  }

  cursors(): Map<number, PackCursor> {
    const out = new Map<number, PackCursor>();
    for (const { key, value } of this.packs.getRange({})) {
      out.set(key, { end: Number(value.readBigUInt64BE(0)), salt: Buffer.from(value.subarray(8)) });
    }
    return out;
  }

  /** Records entries and how far the pack is indexed, in one transaction. */
  commit(entries: readonly IndexedEntry[], pack: number, cursor: PackCursor): void {
    const end = Buffer.alloc(8);
    end.writeBigUInt64BE(BigInt(cursor.end));
    this.root.transactionSync(() => {
      for (const entry of entries) {
        if (entry.from !== undefined) this.relocate(entry, entry.from);
        else if (entry.kind === "blob") this.addBlob(entry);
        else if (!this.addChunk(entry)) this.waiting.push(entry);
      }
      this.packs.putSync(pack, Buffer.concat([end, cursor.salt]));
    });
  }

  /**
   * After a scan of all packs: places the chunks that came too early; those that still have no start are
   * dropped.
   */
  settle(): number {
    const sorted = this.waiting.toSorted((a, b) => a.key.compare(b.key));
    this.waiting = [];
    let dropped = 0;
    this.root.transactionSync(() => {
      for (const entry of sorted) if (!this.addChunk(entry)) dropped += 1;
    });
    return dropped;
  }

  blob(hash: string): Place | null {
    const value = this.blobs.get(Buffer.from(hash, "hex"));
    return value === undefined ? null : decodePlace(value);
  }

  hasBlob(hash: string): boolean {
    return this.blobs.doesExist(Buffer.from(hash, "hex"));
  }

  dropBlob(hash: string): void {
    this.blobs.removeSync(Buffer.from(hash, "hex"));
  }

  /** Bytes held of a stream, counted from 0 without a gap. `start` is the stream's key at offset 0. */
  logSize(start: Buffer): number {
    const last = this.lastChunk(start, Number.MAX_SAFE_INTEGER);
    return last === null ? 0 : last.logOffset + last.length;
  }

  /** The chunk that covers `offset`, if any. */
  chunkAt(start: Buffer, offset: number): ChunkPlace | null {
    const chunk = this.lastChunk(start, offset);
    return chunk !== null && chunk.logOffset + chunk.length > offset ? chunk : null;
  }

  async close(): Promise<void> {
    if (this.isReadOnly) return this.root.close();
    await this.root.flushed;
    await this.root.close();
    flushFile(dataPath(this.dir));
    writeSession(this.dir, { kind: "closed", size_bytes: statSync(dataPath(this.dir)).size });
  }

  isCondemned(hash: string): boolean {
    return this.condemned.doesExist(Buffer.from(hash, "hex"));
  }

  condemnedSince(hash: string): Condemned | null {
    const value = this.condemned.get(Buffer.from(hash, "hex"));
    return value === undefined ? null : { since: value.readDoubleBE(0), sweep: value.readDoubleBE(8) };
  }

  /** Those that were condemned before stay so since then. */
  condemn(hashes: readonly string[], { now, sweep }: { now: number; sweep: number }): void {
    this.root.transactionSync(() => {
      for (const hash of hashes) {
        const value = Buffer.alloc(16);
        value.writeDoubleBE(this.condemnedSince(hash)?.since ?? now, 0);
        value.writeDoubleBE(sweep, 8);
        this.condemned.putSync(Buffer.from(hash, "hex"), value);
      }
    });
  }

  /** Ends the condemnation of what the sweep has not found unnamed again; some of them at a time. */
  spareOthers(sweep: number, limit: number): number {
    const spared: Buffer[] = [];
    for (const { key, value } of this.condemned.getRange({})) {
      if (value.readDoubleBE(8) !== sweep) spared.push(Buffer.from(key));
      if (spared.length >= limit) break;
    }
    this.root.transactionSync(() => {
      for (const key of spared) this.condemned.removeSync(key);
    });
    return spared.length;
  }

  spare(hash: string): void {
    this.condemned.removeSync(Buffer.from(hash, "hex"));
  }

  *allBlobs(): Generator<{ hash: string; place: Place }> {
    for (const { key, value } of this.blobs.getRange({}))
      yield { hash: Buffer.from(key).toString("hex"), place: decodePlace(value) };
  }

  *allChunks(): Generator<{ stream: Buffer; place: Place }> {
    for (const { key, value } of this.logs.getRange({}))
      yield { stream: splitLogKey(Buffer.from(key)).stream, place: decodePlace(value) };
  }

  /** Forgets a stream; its bytes stay in their packs until those go. */
  dropLog(start: Buffer): void {
    const { stream } = splitLogKey(start);
    const keys: Buffer[] = [];
    for (const key of this.logs.getKeys({ start: streamKey(stream, 0) })) {
      if (!splitLogKey(Buffer.from(key)).stream.equals(stream)) break;
      keys.push(Buffer.from(key));
    }
    this.root.transactionSync(() => {
      for (const key of keys) this.logs.removeSync(key);
    });
  }

  /** Whether what lies there is what the index would read. */
  isCurrent(entry: IndexedEntry): boolean {
    if (entry.kind === "blob") return isSpot(this.blob(entry.key.toString("hex")), entry.place);
    return this.chunksIn(entry).length > 0;
  }

  /** Entries of a pack that is about to go. */
  forget(entries: readonly IndexedEntry[]): void {
    this.root.transactionSync(() => {
      for (const entry of entries) {
        if (!this.isCurrent(entry)) continue;
        if (entry.kind === "blob") {
          this.blobs.removeSync(entry.key);
          this.condemned.removeSync(entry.key);
        } else for (const { key } of this.chunksIn(entry)) this.logs.removeSync(key);
      }
    });
  }

  /** A pack without a cursor is read again if it is still there, so that nothing in it can be lost. */
  forgetPack(pack: number): void {
    this.packs.removeSync(pack);
  }

  private relocate(entry: IndexedEntry, from: PackSpot): void {
    const { kind, key, place } = entry;
    const old = { ...entry, place: { ...place, ...from } };
    if (kind === "blob") {
      if (!isSpot(this.blob(key.toString("hex")), from)) return;
      this.blobs.putSync(key, encodePlace(place, { skip: 0, length: place.bodyBytes }));
    } else {
      for (const chunk of this.chunksIn(old)) this.logs.putSync(chunk.key, encodePlace(place, chunk.part));
    }
  }

  /** The parts of a stream that the index reads from this very entry. */
  private chunksIn({ key, place }: IndexedEntry): { key: Buffer; part: { skip: number; length: number } }[] {
    const { stream, offset } = splitLogKey(key);
    const range = { start: streamKey(stream, offset), end: streamKey(stream, offset + place.bodyBytes) };
    const found: { key: Buffer; part: { skip: number; length: number } }[] = [];
    for (const each of this.logs.getRange(range)) {
      if (isSpot(decodePlace(each.value), place))
        found.push({ key: Buffer.from(each.key), part: decodePart(each.value) });
    }
    return found;
  }

  /** A second copy counts only where the first is condemned: it has come from somebody who needs it. */
  private addBlob(entry: IndexedEntry): void {
    if (this.condemned.doesExist(entry.key)) this.condemned.removeSync(entry.key);
    else if (this.blobs.doesExist(entry.key)) return;
    this.blobs.putSync(entry.key, encodePlace(entry.place, { skip: 0, length: entry.place.bodyBytes }));
  }

  /** Keeps only what extends the stream; false when bytes before it are not there yet. */
  private addChunk(entry: IndexedEntry): boolean {
    const { stream, offset } = splitLogKey(entry.key);
    const size = this.logSize(streamKey(stream, 0));
    if (offset > size) return false;
    const length = offset + entry.place.bodyBytes - size;
    if (length <= 0) return true;
    this.logs.putSync(streamKey(stream, size), encodePlace(entry.place, { skip: size - offset, length }));
    return true;
  }

  private lastChunk(start: Buffer, atMost: number): ChunkPlace | null {
    const { stream } = splitLogKey(start);
    const range = { start: streamKey(stream, atMost), end: stream, reverse: true, limit: 1 };
    for (const { key, value } of this.logs.getRange(range)) {
      const found = splitLogKey(Buffer.from(key));
      if (!found.stream.equals(stream)) return null;
      return { ...decodePlace(value), ...decodePart(value), logOffset: found.offset };
    }
    return null;
  }
}

function isSpot(place: PackSpot | null, spot: PackSpot): boolean {
  return place !== null && place.pack === spot.pack && place.offset === spot.offset;
}

function tryOpen(dir: string): BlobIndex | null {
  try {
    return BlobIndex.attempt(dir);
  } catch {
    // Whatever LMDB dislikes about a cache is answered by building it anew.
    return null;
  }
}

function streamKey(stream: Buffer, offset: number): Buffer {
  const tail = Buffer.alloc(8);
  tail.writeBigUInt64BE(BigInt(offset));
  return Buffer.concat([stream, tail]);
}

function encodePlace(place: Place, part: { skip: number; length: number }): Buffer {
  const out = Buffer.alloc(VALUE_BYTES);
  out.writeUInt32BE(place.pack, 0);
  out.writeUIntBE(place.offset, 4, 6);
  out.writeUInt32BE(place.headBytes, 10);
  out.writeUInt32BE(place.bodyBytes, 14);
  out.writeUInt32BE(part.skip, 18);
  out.writeUInt32BE(part.length, 22);
  place.sha256.copy(out, 26);
  return out;
}

function decodePlace(value: Buffer): Place {
  return {
    pack: value.readUInt32BE(0),
    offset: value.readUIntBE(4, 6),
    headBytes: value.readUInt32BE(10),
    bodyBytes: value.readUInt32BE(14),
    sha256: Buffer.from(value.subarray(26, VALUE_BYTES)),
  };
}

function decodePart(value: Buffer): { skip: number; length: number } {
  return { skip: value.readUInt32BE(18), length: value.readUInt32BE(22) };
}

function dataPath(dir: string): string {
  return join(dir, "index.lmdb");
}

function trusted(dir: string): boolean {
  try {
    const session = JSON.parse(readFileSync(join(dir, "session.json"), "utf8")) as Session;
    if (session.format !== FORMAT) return false;
    switch (session.state.kind) {
      case "opening":
        return false;
      case "open":
        return session.boot_id === bootId();
      case "closed":
        return session.state.size_bytes === statSync(dataPath(dir)).size;
    }
  } catch {
    return false;
  }
}

function writeSession(dir: string, state: SessionState): void {
  const session: Session = { format: FORMAT, boot_id: bootId(), state };
  const path = join(dir, "session.json");
  writeFileSync(path, JSON.stringify(session));
  // An older "closed" that outlives a power loss would vouch for an index written since.
  flushFile(path);
}

function flushFile(path: string): void {
  const fd = openSync(path, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Names this boot; where the system does not say, every value differs and only a clean close is trusted. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return `unknown-${process.pid}-${process.hrtime.bigint()}`;
  }
}
