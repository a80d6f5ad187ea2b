/**
 * Records to bytes and back.
 *
 * The caller has encoded each event once; the record is put together around those texts, in one buffer, under
 * one hash, and these bytes are what every engine stores, every standby reads and every archive keeps. A
 * reader believes nothing before the hash matches. Node's one-shot hash, not a stream: a record is at most
 * half a megabyte.
 */
import { hash } from "node:crypto";
import { LogCorrupt, LogNewer, RecordTooLarge } from "./errors.ts";
import type { LogRecord, SealedRecord, StoredRecord } from "./event-log.ts";
import { KNOWN_EVENTS } from "./known-events.ts";

export const MAX_EVENTS = 2_000;
export const MAX_RECORD_BYTES = 512 * 1024;

const FORMAT = 1;

/** @param eventJson the JSON texts of the events. Throws RecordTooLarge above 2,000 events or 512 KiB. */
export function sealRecord(
  header: Omit<LogRecord, "events" | "format">,
  eventJson: readonly string[],
): SealedRecord {
  if (eventJson.length > MAX_EVENTS) throw new RecordTooLarge(eventJson.length, MAX_EVENTS, "events");
  const { cluster_id, position, epoch, batch_id, prev_hash, at } = header;
  const head = JSON.stringify({ format: FORMAT, cluster_id, position, epoch, batch_id, prev_hash, at });
  const bytes = Buffer.from(`${head.slice(0, -1)},"events":[${eventJson.join(",")}]}`);
  checkSize(bytes);
  return { position, epoch, batch_id, prev_hash, hash: hashOf(bytes), bytes };
}

export function checkSize(bytes: Uint8Array): void {
  if (bytes.length > MAX_RECORD_BYTES) throw new RecordTooLarge(bytes.length, MAX_RECORD_BYTES, "bytes");
}

export function hashOf(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** Throws LogCorrupt or LogNewer. */
export function decodeRecord(stored: StoredRecord): LogRecord {
  const { position, bytes } = stored;
  if (hashOf(bytes) !== stored.hash) throw new LogCorrupt(position, "its hash does not match its bytes");
  const record = parse(stored);
  if (record.format !== FORMAT) throw new LogNewer(position, `format ${String(record.format)}`);
  if (record.position !== position) {
    throw new LogCorrupt(position, `it says that it is record ${String(record.position)}`);
  }
  if (!Array.isArray(record.events)) throw new LogCorrupt(position, "it has no list of events");
  for (const event of record.events) checkKnown(event, position);
  return record;
}

function parse({ position, bytes }: StoredRecord): LogRecord {
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as LogRecord;
  } catch {
    // Named below, with the position that JSON.parse cannot know.
  }
  throw new LogCorrupt(position, "it is not a JSON object");
}

function checkKnown(event: { type: string; v: number }, position: number): void {
  const newest = KNOWN_EVENTS.get(event.type);
  if (newest === undefined) throw new LogNewer(position, `event type ${event.type}`);
  if (!(event.v >= 1 && event.v <= newest)) {
    throw new LogNewer(position, `version ${event.v} of event ${event.type}`);
  }
}
