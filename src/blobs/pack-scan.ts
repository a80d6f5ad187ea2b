/**
 * Reads a pack from front to back and tells which entries are whole.
 *
 * Two kinds of damage look alike at first: a tail torn by power loss, and rot in the middle. When an entry
 * does not verify, the scan looks for the next one that does; if there is none, the rest is a torn tail and
 * simply ends the pack. Nothing is cut from the file: writers never append to a pack of an earlier process,
 * so a torn tail stays harmless where it is, and a scan of a pack that another process still writes cannot
 * destroy anything.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { IndexedEntry } from "./index-db.ts";
import { decodeHead, ENTRY_HEADER_BYTES, ENTRY_MAGIC, headBytesOf } from "./pack-format.ts";
import type { EntryHead } from "./pack-format.ts";

const WINDOW_BYTES = 1024 * 1024;

export interface FoundEntry {
  head: EntryHead;
  offset: number;
  headBytes: number;
}

export interface ScanOutcome {
  /** Where the last whole entry ends. */
  end: number;
  /** Damaged bytes between whole entries. */
  skippedBytes: number;
}

/** A window over the file, so that memory stays bounded whatever the pack holds. */
class Window {
  private readonly handle: FileHandle;
  readonly size: number;
  private start = 0;
  private held = Buffer.alloc(0);
  constructor(handle: FileHandle, size: number) {
    this.handle = handle;
    this.size = size;
  }

  async read(offset: number, length: number): Promise<Buffer | null> {
    if (offset + length > this.size) return null;
    if (!this.holds(offset, length)) await this.load(offset, Math.max(length, WINDOW_BYTES));
    if (!this.holds(offset, length)) return null;
    return this.held.subarray(offset - this.start, offset - this.start + length);
  }

  private holds(offset: number, length: number): boolean {
    return offset >= this.start && offset + length <= this.start + this.held.length;
  }

  private async load(offset: number, length: number): Promise<void> {
    const buffer = Buffer.alloc(Math.min(length, this.size - offset));
    const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, offset);
    this.start = offset;
    this.held = buffer.subarray(0, bytesRead);
  }
}

export interface ScanOptions {
  size: number;
  salt: Buffer;
  from: number;
  onEntry: (entry: FoundEntry) => void;
  /** An entry whose head is whole and whose body is not what it says. */
  onDamage?: (entry: FoundEntry) => void;
}

export async function scanPack(handle: FileHandle, options: ScanOptions): Promise<ScanOutcome> {
  const window = new Window(handle, options.size);
  let end = options.from;
  let skippedBytes = 0;
  for (;;) {
    const here = await entryAt(window, options.salt, end, options.onDamage);
    const entry = here ?? (await nextEntry(window, options.salt, end));
    if (entry === null) return { end, skippedBytes };
    skippedBytes += entry.offset - end;
    options.onEntry(entry);
    end = entry.offset + entry.headBytes + entry.head.bodyBytes;
  }
}

async function entryAt(
  window: Window,
  salt: Buffer,
  offset: number,
  onDamage?: (entry: FoundEntry) => void,
): Promise<FoundEntry | null> {
  const fixed = await window.read(offset, ENTRY_HEADER_BYTES);
  const headBytes = fixed === null ? null : headBytesOf(fixed);
  if (headBytes === null) return null;
  const headRaw = await window.read(offset, headBytes);
  const head = headRaw === null ? null : decodeHead(salt, headRaw);
  if (head === null) return null;
  const body = await window.read(offset + headBytes, head.bodyBytes);
  if (body === null) return null;
  const entry = { head, offset, headBytes };
  if (createHash("sha256").update(body).digest().equals(head.sha256)) return entry;
  onDamage?.(entry);
  return null;
}

async function nextEntry(window: Window, salt: Buffer, from: number): Promise<FoundEntry | null> {
  let at = from + 1;
  while (at < window.size) {
    const length = Math.min(WINDOW_BYTES, window.size - at);
    const bytes = await window.read(at, length);
    if (bytes === null) return null;
    const hit = bytes.indexOf(ENTRY_MAGIC);
    if (hit < 0) {
      // A magic may straddle the edge of the window.
      at += Math.max(1, length - ENTRY_MAGIC.length + 1);
      continue;
    }
    const entry = await entryAt(window, salt, at + hit);
    if (entry !== null) return entry;
    at += hit + 1;
  }
  return null;
}

/** As the index knows it. */
export function indexedEntry({ head, offset, headBytes }: FoundEntry, pack: number): IndexedEntry {
  const place = { pack, offset, headBytes, bodyBytes: head.bodyBytes, sha256: head.sha256 };
  return { kind: head.kind, key: head.kind === "blob" ? head.sha256 : head.key, place };
}
