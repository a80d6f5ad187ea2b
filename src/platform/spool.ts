/**
 * A few small records that survive the process, each a file: results that nobody has acknowledged yet.
 *
 * `put` resolves when the record would survive a power cut. One fsync per record would hold a worker that
 * ends thousands of small tasks a second to a few hundred, so all puts that arrive while a flush is under way
 * go together: their texts into one batch file, one fsync, one rename, one fsync of the folder. A batch file
 * goes when the last record in it has been removed or replaced. A removal is not flushed at all: a record
 * that comes back after a crash is sent again and acknowledged again.
 */
import { mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Spool } from "../ports/index.ts";

interface Batch {
  path: string;
  keys: Set<string>;
}

interface Waiting {
  key: string;
  text: string;
  resolve: () => void;
  reject: (cause: unknown) => void;
}

interface SpoolRecord {
  key: string;
  text: string;
}

const BATCH_NAME = /^batch-(\d{12})\.jsonl$/;

/** @param dir belongs to the spool alone, and to one process at a time; made when it is not there */
export function createFileSpool(dir: string): Spool {
  return new FileSpool(dir);
}

class FileSpool implements Spool {
  readonly #dir: string;
  readonly #opened: Promise<void>;
  /** The batch that holds the latest text of each key. */
  readonly #holders = new Map<string, Batch>();
  readonly #texts = new Map<string, string>();
  #waiting: Waiting[] = [];
  /** The latest put of each key that is not on disk yet. */
  readonly #underway = new Map<string, Promise<void>>();
  #isFlushing = false;
  #next = 1;

  constructor(dir: string) {
    this.#dir = dir;
    this.#opened = this.#load();
    this.#opened.catch(() => {}); // Told to each caller.
  }

  put(key: string, text: string): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ key, text, resolve, reject });
      if (!this.#isFlushing) void this.#flushAll();
    });
    this.#underway.set(key, done);
    const forget = () => {
      if (this.#underway.get(key) === done) this.#underway.delete(key);
    };
    done.then(forget, forget);
    return done;
  }

  async remove(key: string): Promise<void> {
    await this.#opened;
    // A put of the same key that is under way comes first, as the caller said it.
    await this.#underway.get(key)?.catch(() => {});
    await this.#release(key);
  }

  async all(): Promise<SpoolRecord[]> {
    await this.#opened;
    await Promise.allSettled(this.#underway.values());
    return [...this.#texts].map(([key, text]) => ({ key, text }));
  }

  async #load(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    for (const name of (await readdir(this.#dir)).sort()) {
      const path = join(this.#dir, name);
      const number = BATCH_NAME.exec(name)?.[1];
      if (number === undefined) {
        if (name.endsWith(".tmp")) await unlink(path);
        continue;
      }
      this.#next = Math.max(this.#next, Number(number) + 1);
      await this.#adopt({ path, keys: new Set() }, parseBatch(await readFile(path, "utf8")));
    }
  }

  async #flushAll(): Promise<void> {
    this.#isFlushing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#opened;
        await this.#write(batch);
        for (const each of batch) each.resolve();
      } catch (cause) {
        for (const each of batch) each.reject(cause);
      }
    }
    this.#isFlushing = false;
  }

  async #write(records: readonly SpoolRecord[]): Promise<void> {
    const path = join(this.#dir, `batch-${String(this.#next++).padStart(12, "0")}.jsonl`);
    const lines = records.map(({ key, text }) => `${JSON.stringify({ key, text })}\n`);
    await writeDurably(`${path}.tmp`, lines.join(""));
    await rename(`${path}.tmp`, path);
    await syncFolder(this.#dir);
    await this.#adopt({ path, keys: new Set() }, records);
  }

  async #adopt(batch: Batch, records: readonly SpoolRecord[]): Promise<void> {
    const replaced = records.filter(({ key }) => this.#holders.has(key)).map(({ key }) => key);
    for (const key of new Set(replaced)) await this.#release(key);
    for (const { key, text } of records) {
      batch.keys.add(key);
      this.#holders.set(key, batch);
      this.#texts.set(key, text);
    }
    if (batch.keys.size === 0) await unlink(batch.path);
  }

  async #release(key: string): Promise<void> {
    const batch = this.#holders.get(key);
    if (batch === undefined) return;
    this.#holders.delete(key);
    this.#texts.delete(key);
    batch.keys.delete(key);
    if (batch.keys.size === 0) await unlink(batch.path);
  }
}

/** Renamed files are whole; a line that does not parse is damage to the disk, and costs that record alone. */
function parseBatch(text: string): SpoolRecord[] {
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

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The rename itself is only on disk once the folder is. */
async function syncFolder(dir: string): Promise<void> {
  if (process.platform === "win32") return; // There a folder cannot be opened, and a rename is journalled.
  const folder = await open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
