/**
 * The bytes of a pack file.
 *
 *     file   = "TYPACK1\n" salt[8] entry*
 *     entry  = "TYE1" kind[1] 0[1] key_bytes[2] body_bytes[4] sha256(body)[32] check[4] key body
 *     check  = crc32(salt, the 44 bytes before it, key)
 *
 * The check finds a torn or rotten header without reading the body, the SHA-256 finds a torn body. The salt
 * is random and stays on this disk: whoever uploads a blob that holds a well-formed entry of its own cannot
 * give it a valid check, so a search for the next entry behind damaged bytes never lands inside somebody's
 * content.
 */
import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { BlobBadKey } from "./errors.ts";

export const FILE_HEADER_BYTES = 16;
export const ENTRY_HEADER_BYTES = 48;
export const ENTRY_MAGIC = Buffer.from("TYE1");
/** No writer makes a longer body; a header that claims more is damage. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const MAX_KEY_BYTES = 1024;

const FILE_MAGIC = Buffer.from("TYPACK1\n");
const KIND_BLOB = 1;
const KIND_LOG = 2;

export type EntryKind = "blob" | "log";

export interface EntryHead {
  kind: EntryKind;
  sha256: Buffer;
  key: Buffer;
  bodyBytes: number;
}

export interface LogKey {
  task_id: string;
  attempt: number;
}

export function newFileHeader(): Buffer {
  return Buffer.concat([FILE_MAGIC, randomBytes(8)]);
}

/** The salt of the file, or null when this is no pack (or one that was torn while it was born). */
export function saltOf(fileHeader: Uint8Array): Buffer | null {
  const header = Buffer.from(fileHeader);
  if (header.length < FILE_HEADER_BYTES || !header.subarray(0, 8).equals(FILE_MAGIC)) return null;
  return header.subarray(8, FILE_HEADER_BYTES);
}

export function encodeHead(salt: Buffer, head: EntryHead): Buffer {
  const out = Buffer.alloc(ENTRY_HEADER_BYTES + head.key.length);
  ENTRY_MAGIC.copy(out, 0);
  out.writeUInt8(head.kind === "blob" ? KIND_BLOB : KIND_LOG, 4);
  out.writeUInt16BE(head.key.length, 6);
  out.writeUInt32BE(head.bodyBytes, 8);
  head.sha256.copy(out, 12);
  head.key.copy(out, ENTRY_HEADER_BYTES);
  out.writeUInt32BE(checkOf(salt, out), 44);
  return out;
}

/** Length of header and key together, from the fixed header alone; null when it cannot be an entry. */
export function headBytesOf(fixed: Buffer): number | null {
  if (fixed.length < ENTRY_HEADER_BYTES || !fixed.subarray(0, 4).equals(ENTRY_MAGIC)) return null;
  const keyBytes = fixed.readUInt16BE(6);
  if (keyBytes > MAX_KEY_BYTES || fixed.readUInt32BE(8) > MAX_BODY_BYTES) return null;
  return ENTRY_HEADER_BYTES + keyBytes;
}

/** Reads header plus key; null when the check does not hold. */
export function decodeHead(salt: Buffer, head: Buffer): EntryHead | null {
  const kind = head.readUInt8(4);
  if (head.readUInt32BE(44) !== checkOf(salt, head)) return null;
  if (kind !== KIND_BLOB && kind !== KIND_LOG) return null;
  return {
    kind: kind === KIND_BLOB ? "blob" : "log",
    sha256: Buffer.from(head.subarray(12, 44)),
    key: Buffer.from(head.subarray(ENTRY_HEADER_BYTES)),
    bodyBytes: head.readUInt32BE(8),
  };
}

function checkOf(salt: Buffer, head: Buffer): number {
  const fixed = crc32(head.subarray(0, 44), crc32(salt));
  return crc32(head.subarray(ENTRY_HEADER_BYTES), fixed);
}

/** Bytes that sort by task, attempt, offset: the key of a log chunk, in the pack and in the index alike. */
export function encodeLogKey(key: LogKey, offset: number): Buffer {
  const task = Buffer.from(key.task_id);
  const out = Buffer.alloc(task.length + 13);
  task.copy(out, 0);
  out.writeUInt32BE(key.attempt, task.length + 1);
  out.writeBigUInt64BE(BigInt(offset), task.length + 5);
  return out;
}

/** The offset at the end of a log key; the bytes before it name the stream. */
export function splitLogKey(key: Buffer): { stream: Buffer; offset: number } {
  const at = key.length - 8;
  return { stream: key.subarray(0, at), offset: Number(key.readBigUInt64BE(at)) };
}

/** The other way round. @param stream a log key without its offset */
export function decodeStream(stream: Buffer): LogKey {
  const at = stream.length - 5;
  return { task_id: stream.subarray(0, at).toString(), attempt: stream.readUInt32BE(at + 1) };
}

/** Refuses what could not be told apart from another key or would not fit the index. */
export function checkLogKey(key: LogKey): void {
  const bytes = Buffer.byteLength(key.task_id);
  if (bytes === 0 || bytes > 512) throw new BlobBadKey("task_id must have 1 to 512 bytes");
  if (key.task_id.includes("\0")) throw new BlobBadKey("task_id holds a NUL");
  const attemptFits = Number.isInteger(key.attempt) && key.attempt >= 0 && key.attempt <= 0xffff_ffff;
  if (!attemptFits) throw new BlobBadKey("attempt must be an integer from 0 to 4294967295");
}

const HEX = /^[0-9a-f]{64}$/;

export function checkHash(hash: string): void {
  if (!HEX.test(hash)) throw new BlobBadKey("a hash is 64 lower-case hexadecimal digits");
}
