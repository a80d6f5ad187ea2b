/**
 * A few small records that survive the process: results that nobody has acknowledged yet.
 *
 * Records are lines appended to a segment file; everything that is put while a write is under way shares the
 * next one. `put` resolves when the system has the bytes, so they survive the death of this process, not a
 * power cut: after that the attempt is lost and runs again, and an fsync here would cost every result two
 * flushes on its way. A removal is not written down; a segment goes, or is emptied, with its last record.
 * What a crash brings back beyond that is sent again, and acknowledged again.
 */
import { mkdir, open, readdir, readFile, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Spool } from "../ports/index.ts";

interface Segment {
  path: string;
  /** Open while records are still appended to it. */
  file: FileHandle | null;
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
  readonly #opened: Promise<void>;
  /** The segment that holds the latest text of each key. */
  readonly #holders = new Map<string, Segment>();
  readonly #texts = new Map<string, string>();
  #current: Segment | null = null;
  #waiting: Waiting[] = [];
  /** Segments whose last record has been removed. */
  #empty: Segment[] = [];
  #isWorking = false;
  #next = 1;

  constructor(dir: string) {
    this.#dir = dir;
    this.#opened = this.#load();
    this.#opened.catch(() => {}); // Told to each caller.
  }

  put(key: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, text, resolve, reject });
      void this.#work();
    });
  }

  async remove(key: string): Promise<void> {
    await this.#opened;
    // Not yet written, it need not be.
    for (const each of this.#waiting.filter((waiting) => waiting.key === key)) each.resolve();
    this.#waiting = this.#waiting.filter((waiting) => waiting.key !== key);
    this.#release(key);
    void this.#work();
  }

  async all(): Promise<SpoolRecord[]> {
    await this.#opened;
    return [...this.#texts].map(([key, text]) => ({ key, text }));
  }

  async #load(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    for (const name of (await readdir(this.#dir)).sort()) {
      const number = SEGMENT_NAME.exec(name)?.[1];
      if (number === undefined) continue;
      this.#next = Math.max(this.#next, Number(number) + 1);
      const path = join(this.#dir, name);
      const segment: Segment = { path, file: null, bytes: 0, keys: new Set() };
      this.#hold(segment, parseLines(await readFile(path, "utf8")));
      if (segment.keys.size === 0) await unlink(path);
    }
  }

  /** One at a time: writes what waits, then empties what is done with, until there is nothing to do. */
  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.#waiting.length > 0 || this.#empty.length > 0) {
      await this.#writeWaiting();
      // A segment that cannot be emptied costs space and a repeated result, nothing else.
      for (const segment of this.#empty.splice(0)) await this.#discard(segment).catch(() => {});
    }
    this.#isWorking = false;
  }

  async #writeWaiting(): Promise<void> {
    const records = this.#waiting.splice(0);
    if (records.length === 0) return;
    try {
      await this.#opened;
      const text = records.map(({ key, text }) => `${JSON.stringify({ key, text })}\n`).join("");
      const segment = await this.#segmentFor(text.length);
      segment.bytes += text.length;
      // Held first: a segment with keys is not emptied under the write.
      this.#hold(segment, records);
      await segment.file?.appendFile(text);
      for (const each of records) each.resolve();
    } catch (cause) {
      for (const each of records) {
        this.#release(each.key);
        each.reject(cause);
      }
    }
  }

  async #segmentFor(size: number): Promise<Segment> {
    const former = this.#current;
    if (former !== null && former.bytes + size <= SEGMENT_BYTES) return former;
    if (former !== null) {
      this.#current = null;
      await former.file?.close();
      former.file = null;
      if (former.keys.size === 0) this.#empty.push(former);
    }
    const path = join(this.#dir, `segment-${String(this.#next++).padStart(12, "0")}.jsonl`);
    this.#current = { path, file: await open(path, "a", 0o600), bytes: 0, keys: new Set() };
    return this.#current;
  }

  async #discard(segment: Segment): Promise<void> {
    if (segment.keys.size > 0) return;
    if (segment.file === null) return unlink(segment.path);
    await segment.file.truncate(0);
    segment.bytes = 0;
  }

  #hold(segment: Segment, records: readonly SpoolRecord[]): void {
    for (const { key, text } of records) {
      this.#release(key);
      segment.keys.add(key);
      this.#holders.set(key, segment);
      this.#texts.set(key, text);
    }
  }

  #release(key: string): void {
    const segment = this.#holders.get(key);
    if (segment === undefined) return;
    this.#holders.delete(key);
    this.#texts.delete(key);
    segment.keys.delete(key);
    if (segment.keys.size === 0) this.#empty.push(segment);
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
