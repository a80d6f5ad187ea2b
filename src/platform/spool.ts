/**
 * A few small records that survive the process: results that nobody has acknowledged yet.
 *
 * Records are lines appended to a segment file; what is put in one turn shares a write. `put` resolves when
 * the system has the bytes, so they survive the death of this process, not a power cut: after that the
 * attempt is lost and runs again, and an fsync here would cost every result two flushes on its way. The write
 * is synchronous: 500 bytes into the page cache take 3 µs, by way of the thread pool 60.
 *
 * A removal is not written down; a segment goes, or is emptied, with its last record. What a crash brings
 * back beyond that is sent again, and acknowledged again.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Spool } from "../ports/index.ts";

interface Segment {
  path: string;
  /** Open while records are still appended to it. */
  fd: number | null;
  bytes: number;
  keys: Set<string>;
}

interface SpoolRecord {
  key: string;
  text: string;
}

interface Waiting extends SpoolRecord {
  resolve: () => void;
  reject: (cause: unknown) => void;
}

const SEGMENT_NAME = /^segment-(\d{12})\.jsonl$/;
const SEGMENT_BYTES = 256 * 1024;

/** @param dir belongs to the spool alone, and to one process at a time; made when it is not there */
export function createFileSpool(dir: string): Spool {
  return new FileSpool(dir);
}

class FileSpool implements Spool {
  readonly #dir: string;
  /** The segment that holds the latest text of each key. */
  readonly #holders = new Map<string, Segment>();
  readonly #texts = new Map<string, string>();
  #current: Segment | null = null;
  #waiting: Waiting[] = [];
  #next = 1;
  #isLoaded = false;

  constructor(dir: string) {
    this.#dir = dir;
  }

  put(key: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, text, resolve, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#write());
    });
  }

  async remove(key: string): Promise<void> {
    this.#load();
    // Not yet written, it need not be.
    for (const each of this.#waiting.filter((waiting) => waiting.key === key)) each.resolve();
    this.#waiting = this.#waiting.filter((waiting) => waiting.key !== key);
    this.#release(key);
  }

  async all(): Promise<SpoolRecord[]> {
    this.#load();
    return [...this.#texts].map(([key, text]) => ({ key, text }));
  }

  /** Once; what fails is told to every caller. */
  #load(): void {
    if (this.#isLoaded) return;
    mkdirSync(this.#dir, { recursive: true });
    for (const name of readdirSync(this.#dir).sort()) {
      const number = SEGMENT_NAME.exec(name)?.[1];
      if (number === undefined) continue;
      this.#next = Math.max(this.#next, Number(number) + 1);
      const path = join(this.#dir, name);
      const segment: Segment = { path, fd: null, bytes: 0, keys: new Set() };
      this.#hold(segment, parseLines(readFileSync(path, "utf8")));
      if (segment.keys.size === 0) unlinkSync(path);
    }
    this.#isLoaded = true;
  }

  #write(): void {
    const records = this.#waiting;
    this.#waiting = [];
    if (records.length === 0) return;
    try {
      this.#load();
      const lines = Buffer.from(
        records.map(({ key, text }) => `${JSON.stringify({ key, text })}\n`).join(""),
      );
      const segment = this.#segmentFor(lines.length);
      writeWhole(segment, lines);
      this.#hold(segment, records);
      for (const each of records) each.resolve();
    } catch (cause) {
      for (const each of records) each.reject(cause);
    }
  }

  #segmentFor(size: number): Segment & { fd: number } {
    const former = this.#current;
    if (former !== null && former.fd !== null && former.bytes + size <= SEGMENT_BYTES) {
      return former as Segment & { fd: number };
    }
    if (former !== null) this.#finish(former);
    const path = join(this.#dir, `segment-${String(this.#next++).padStart(12, "0")}.jsonl`);
    const segment = { path, fd: openSync(path, "a", 0o600), bytes: 0, keys: new Set<string>() };
    this.#current = segment;
    return segment;
  }

  #finish(segment: Segment): void {
    if (segment.fd !== null) closeSync(segment.fd);
    segment.fd = null;
    this.#current = null;
    if (segment.keys.size === 0) unlinkSync(segment.path);
  }

  #hold(segment: Segment, records: readonly SpoolRecord[]): void {
    for (const { key, text } of records) {
      segment.keys.add(key);
      const former = this.#holders.get(key);
      this.#holders.set(key, segment);
      this.#texts.set(key, text);
      if (former !== undefined && former !== segment) this.#dropFrom(former, key);
    }
  }

  #release(key: string): void {
    const segment = this.#holders.get(key);
    if (segment === undefined) return;
    this.#holders.delete(key);
    this.#texts.delete(key);
    this.#dropFrom(segment, key);
  }

  #dropFrom(segment: Segment, key: string): void {
    segment.keys.delete(key);
    if (segment.keys.size > 0) return;
    if (segment.fd === null) return unlinkSync(segment.path);
    ftruncateSync(segment.fd, 0);
    segment.bytes = 0;
  }
}

function writeWhole(segment: Segment & { fd: number }, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    const count = writeSync(segment.fd, bytes, written);
    written += count;
    segment.bytes += count;
  }
}

/** A line that does not parse is the torn end of a write, or damage: it costs that record alone. */
function parseLines(text: string): SpoolRecord[] {
  return text.split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return isRecord(value) ? [value] : [];
    } catch {
      return [];
    }
  });
}

function isRecord(value: unknown): value is SpoolRecord {
  if (typeof value !== "object" || value === null) return false;
  return "key" in value && typeof value.key === "string" && "text" in value && typeof value.text === "string";
}
