/**
 * The log on one machine: LMDB, a memory-mapped tree with one writer at a time and a flush per commit.
 *
 * A commit compares and moves the tip inside one transaction, so any number of processes may try and one
 * wins. What is visible is on disk: `overlappingSync: false` flushes before the commit shows. It is also the
 * quicker way to a durable answer: one append after the other, records of 600 bytes and of 60 kB, it did
 * 2,360 to 2,480 and 1,960 to 1,980 a second, waiting on `flushed` 1,990 to 2,280 and 1,610 to 1,710 (one
 * process, two cores, ext4).
 *
 * `eventTurnBatching: false`, because batching keeps a promise of its own that nobody can attach to: on a
 * full disk it rejected unhandled. The map has no limit of ours: LMDB enlarges it, in readers of other
 * processes too.
 *
 * Not for network file systems, and one writing process at a time, by `claimDirectory`: a writer that is
 * paused inside a transaction blocks all others. Readers (`readOnly`) never wait for it.
 */
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { DiskFull, LogClosed, LogFailed, LogMissing, LogReadOnly } from "./errors.ts";
import type { AppendResult, EventLog, SealedRecord, StoredRecord, TailOptions, Tip } from "./event-log.ts";
import { flushDirectory } from "./files.ts";
import { commitError } from "./lmdb-error.ts";
import { checkFile, decodeStored, decodeTip, encodeRecord, encodeTip, TIP_KEY } from "./lmdb-file.ts";
import { checkSize } from "./record.ts";
import {
  createTail,
  gapError,
  judge,
  readRange,
  type RecordSource,
  type Tail,
  type Verdict,
} from "./source.ts";

export interface LmdbLogOptions {
  dir: string;
  /** Never takes the writer's lock, creates nothing. For standbys, snapshots and checks. */
  readOnly?: boolean;
  /** How often a tail looks for records of other processes; those of this handle it sees at once. */
  pollMs?: number;
}

export interface LmdbLog extends EventLog {
  /** Lets the tails look now: somebody said that there is something new. */
  poke(): void;
  /** Writes the log as it is at one moment to a directory that is there. Writers go on meanwhile. */
  copyTo(dir: string): Promise<void>;
}

const POLL_MS = 20;

/** Rejects with `log_missing` (read-only), `log_corrupt`, `log_newer` or `log_failed`. */
export async function openLmdbLog(options: LmdbLogOptions): Promise<LmdbLog> {
  const { readOnly = false, pollMs = POLL_MS } = options;
  const dir = resolve(options.dir);
  if (!readOnly) mkdirSync(dir, { recursive: true });
  else if (!existsSync(join(dir, "data.mdb"))) throw new LogMissing(dir);
  checkFile(dir);
  const db = openDatabase({ path: dir, readOnly });
  const log = new LmdbHandle(db, { dir, readOnly, pollMs });
  try {
    await log.prepare();
    // LMDB flushes its file, but not the name of it, nor that of a directory that was just made.
    if (!readOnly) for (const made of [dir, dirname(dir)]) flushDirectory(made);
  } catch (error) {
    await db.close();
    throw error;
  }
  return log;
}

function openDatabase(where: { path: string; readOnly: boolean }): Database {
  try {
    return open<Buffer, number>({
      ...where,
      encoding: "binary",
      noSubdir: false,
      overlappingSync: false,
      eventTurnBatching: false,
    });
  } catch (error) {
    throw new LogFailed(`the log in ${where.path} cannot be opened: ${(error as Error).message}`, error);
  }
}

type Database = RootDatabase<Buffer, number>;

/** Removals in one transaction: an append never waits for more than this. */
const REMOVALS = 500;

class LmdbHandle implements LmdbLog {
  readonly #db: Database;
  readonly #setup: Required<LmdbLogOptions>;
  readonly #tails = new Set<Tail>();
  readonly #inFlight = new Set<Promise<unknown>>();
  #poll: NodeJS.Timeout | undefined;
  #status: { kind: "open" } | { kind: "closed" } | { kind: "failed"; error: LogFailed } = { kind: "open" };
  #closing: Promise<void> | undefined;

  constructor(db: Database, setup: Required<LmdbLogOptions>) {
    this.#db = db;
    this.#setup = setup;
  }

  /** A new database gets its tip, so that one of another program is told from an empty log. */
  async prepare(): Promise<void> {
    const found = this.#db.get(TIP_KEY);
    if (found !== undefined || this.#setup.readOnly) return void decodeTip(found);
    if (this.#db.getKeysCount({ limit: 1 }) > 0) decodeTip(Buffer.alloc(0));
    await this.#transaction(() => {
      if (this.#db.get(TIP_KEY) === undefined) this.#put(TIP_KEY, encodeTip(decodeTip(undefined)));
    }, 0);
  }

  async append(record: SealedRecord): Promise<AppendResult> {
    this.#assertOpen();
    if (this.#setup.readOnly) throw new LogReadOnly();
    checkSize(record.bytes);
    const value = encodeRecord(record);
    const verdict = await this.#transaction(() => this.#commit(record, value), record.position).catch(
      (error: unknown) => this.#makeSureOfLoss(record, error),
    );
    switch (verdict.kind) {
      case "accept":
        for (const tail of this.#tails) tail.wake();
        return { kind: "won" };
      case "gap":
        throw gapError(record, verdict.tip);
      default:
        return verdict;
    }
  }

  /** A full disk is a promise that nothing was written. Held against what is there before it is given. */
  #makeSureOfLoss(record: SealedRecord, error: unknown): never {
    if (!(error instanceof DiskFull) || judge(this.#source, record).kind !== "won") throw error;
    const failed = new LogFailed(`record ${record.position} is there although its commit failed`, error);
    this.#fail(failed);
    throw failed;
  }

  #commit(record: SealedRecord, value: Buffer): Verdict {
    const verdict = judge(this.#asWriter, record);
    if (verdict.kind !== "accept") return verdict;
    this.#put(record.position, value);
    this.#put(TIP_KEY, encodeTip(record));
    return verdict;
  }

  /** Inside a transaction `get` reads what the transaction sees; the read transaction must stay alone. */
  readonly #asWriter: RecordSource = {
    tip: () => decodeTip(this.#db.get(TIP_KEY)),
    first: () => this.#oldest(),
    get: (position) => this.#stored(position),
  };

  /** Inside a transaction a put is done at once and its promise has nothing to tell. */
  #put(key: number, value: Buffer): void {
    this.#db.put(key, value).catch(() => {});
  }

  /** Resolves once it is on disk. A commit that failed for want of room leaves the handle alive. */
  async #transaction<T>(work: () => T, position: number): Promise<T> {
    const done = this.#db.transaction(work);
    this.#inFlight.add(done);
    try {
      return await done;
    } catch (error) {
      throw await this.#failure(error, position);
    } finally {
      this.#inFlight.delete(done);
    }
  }

  async #failure(error: unknown, position: number): Promise<Error> {
    const reason = await commitError(error, { dir: this.#setup.dir, position });
    if (reason instanceof LogFailed) this.#fail(reason);
    return reason;
  }

  #fail(error: LogFailed): void {
    if (this.#status.kind === "open") this.#status = { kind: "failed", error };
    this.#stopPolling();
    const tails = Array.from(this.#tails);
    for (const tail of tails) tail.fail(error);
  }

  async tip(): Promise<Tip> {
    return this.#source.tip();
  }

  async first(): Promise<number> {
    return this.#source.first();
  }

  read(from: number): AsyncIterable<StoredRecord> {
    const to = this.#status.kind === "open" ? this.#source.tip().position : 0;
    return readRange(this.#source, { from, to });
  }

  tail(from: number, onRecord: (record: StoredRecord) => void, options: TailOptions = {}): { stop(): void } {
    const forget = (): void => {
      this.#tails.delete(tail);
      tail.stop();
      if (this.#tails.size === 0) this.#stopPolling();
    };
    const tail = createTail(this.#source, {
      from,
      onRecord,
      onEnd(error) {
        forget();
        options.onEnd?.(error);
      },
      soon: (call) => void setImmediate(call),
    });
    if (this.#status.kind !== "open") return { stop: forget };
    this.#tails.add(tail);
    this.#poll ??= setInterval(() => this.poke(), this.#setup.pollMs);
    tail.wake();
    return { stop: forget };
  }

  poke(): void {
    for (const tail of this.#tails) tail.wake();
  }

  /** LMDB copies from within one read transaction. */
  async copyTo(dir: string): Promise<void> {
    this.#assertOpen();
    await this.#db.backup(dir, true);
  }

  #stopPolling(): void {
    clearInterval(this.#poll);
    this.#poll = undefined;
  }

  async truncateBefore(position: number): Promise<void> {
    this.#assertOpen();
    if (this.#setup.readOnly) throw new LogReadOnly();
    // Readers that were killed hold on to the pages that they read.
    this.#db.readerCheck();
    const end = Math.min(position, this.#source.tip().position + 1);
    for (let from = this.#source.first(); from < end; from += REMOVALS) {
      const to = Math.min(end, from + REMOVALS);
      await this.#transaction(() => this.#remove(from, to), from);
    }
  }

  #remove(from: number, to: number): void {
    for (let position = from; position < to; position++) this.#db.remove(position).catch(() => {});
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#status.kind === "open") this.#status = { kind: "closed" };
    this.#stopPolling();
    for (const tail of this.#tails) tail.stop();
    this.#tails.clear();
    await Promise.allSettled(this.#inFlight);
    await this.#db.close();
  }

  #assertOpen(): void {
    if (this.#status.kind === "failed") throw this.#status.error;
    if (this.#status.kind === "closed") throw new LogClosed();
  }

  /** Every question looks at the newest state that is committed, whoever committed it. */
  readonly #source: RecordSource = {
    tip: () => {
      this.#assertOpen();
      this.#db.resetReadTxn();
      return decodeTip(this.#db.get(TIP_KEY));
    },
    first: () => {
      this.#assertOpen();
      this.#db.resetReadTxn();
      return this.#oldest();
    },
    get: (position) => {
      this.#assertOpen();
      return this.#stored(position);
    },
  };

  #stored(position: number): StoredRecord | undefined {
    const value = this.#db.get(position);
    return value === undefined ? undefined : decodeStored(position, value);
  }

  #oldest(): number {
    for (const key of this.#db.getKeys({ start: 1, limit: 1 })) return key;
    return decodeTip(this.#db.get(TIP_KEY)).position + 1;
  }
}
