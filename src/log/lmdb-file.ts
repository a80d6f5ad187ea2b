/**
 * How the log lies in LMDB, and a look at the file before LMDB gets it.
 *
 * One database: key 0 holds the tip, key N the record at position N as 32 bytes of hash and then its bytes.
 * LMDB maps the file and trusts it: a file that is no LMDB file, or one that was cut short, ends the process
 * with a signal instead of an error. Hence the check of its head and length, which makes both a refusal.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { LogCorrupt, LogNewer } from "./errors.ts";
import type { SealedRecord, StoredRecord, Tip } from "./event-log.ts";
import { GENESIS } from "./fold.ts";

export const TIP_KEY = 0;
const HASH_BYTES = 32;

export function encodeRecord(record: SealedRecord): Buffer {
  return Buffer.concat([Buffer.from(record.hash, "hex"), record.bytes]);
}

export function decodeStored(position: number, value: Buffer): StoredRecord {
  const hash = value.toString("hex", 0, HASH_BYTES);
  return { position, hash, bytes: value.subarray(HASH_BYTES) };
}

// The tip: magic and layout version, position and epoch as 8 bytes each, the hash.
const MAGIC = "TYL";
const LAYOUT = 1;
const TIP_BYTES = 4 + 8 + 8 + HASH_BYTES;

export function encodeTip({ position, epoch, hash }: Tip): Buffer {
  const value = Buffer.alloc(TIP_BYTES);
  value.write(MAGIC, 0, "latin1");
  value.writeUInt8(LAYOUT, 3);
  value.writeBigUInt64BE(BigInt(position), 4);
  value.writeBigUInt64BE(BigInt(epoch), 12);
  value.write(hash, 20, "hex");
  return value;
}

export function decodeTip(value: Buffer | undefined): Tip {
  if (value === undefined) return GENESIS;
  if (value.toString("latin1", 0, 3) !== MAGIC || value.length < 4) {
    throw new LogCorrupt(
      0,
      "the database holds no log: it belongs to another program, or its tip is damaged",
    );
  }
  const layout = value.readUInt8(3);
  if (layout > LAYOUT) throw new LogNewer(0, `layout ${layout}`);
  if (value.length !== TIP_BYTES) throw new LogCorrupt(0, "the tip of the log is damaged");
  const position = Number(value.readBigUInt64BE(4));
  const epoch = Number(value.readBigUInt64BE(12));
  return { position, epoch, hash: value.toString("hex", 20) };
}

// Of LMDB's two meta pages, each behind a page header of 24 bytes.
const LMDB_MAGIC = 0xbeefc0de;
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, end: 160 };
/** Pages at the end that LMDB took and gave back in one transaction are never written. */
const UNWRITTEN_BYTES = 1024 * 1024;

/** Refuses what LMDB would crash on. A file that does not exist yet, or is empty, is fine. */
export function checkFile(dir: string): void {
  const path = join(dir, "data.mdb");
  if (!existsSync(path)) return;
  const file = openSync(path, "r");
  try {
    const size = fstatSync(file).size;
    if (size > 0) checkMeta(path, size, (buffer, at) => readSync(file, buffer, 0, buffer.length, at));
  } finally {
    closeSync(file);
  }
}

function checkMeta(path: string, size: number, read: (buffer: Buffer, at: number) => number): void {
  const meta = Buffer.alloc(META.end);
  const isMeta = (at: number): boolean =>
    read(meta, at) === META.end && meta.readUInt32LE(META.magic) === LMDB_MAGIC;
  if (!isMeta(0)) throw new LogCorrupt(0, `${path} is not a log`);
  const pageSize = meta.readUInt32LE(META.pageSize);
  const first = { transaction: meta.readBigUInt64LE(META.transaction), lastPage: lastPage(meta) };
  if (!isMeta(pageSize)) throw new LogCorrupt(0, `${path} is damaged: its second head is missing`);
  const second = { transaction: meta.readBigUInt64LE(META.transaction), lastPage: lastPage(meta) };
  const newest = second.transaction > first.transaction ? second : first;
  const needed = (newest.lastPage + 1) * pageSize;
  if (size + UNWRITTEN_BYTES < needed) {
    throw new LogCorrupt(0, `${path} was cut short: it has ${size} bytes of ${needed}`);
  }
}

function lastPage(meta: Buffer): number {
  return Number(meta.readBigUInt64LE(META.lastPage));
}
