/**
 * The log in memory: the reference of the conformance suite, and the log of the simulation.
 *
 * A store outlives its handles, as a disk outlives processes: each coordinator opens a handle of its own. A
 * record becomes visible, and its append is answered, when its flush ends; until then a crash takes it away.
 * Faults are asked for append by append, so that whoever owns the dice (a simulation with a seed) throws
 * them.
 */
import type { Clock } from "../ports/index.ts";
import { DiskFull, LogClosed, LogFailed } from "./errors.ts";
import type { AppendResult, EventLog, SealedRecord, StoredRecord, TailOptions, Tip } from "./event-log.ts";
import { GENESIS } from "./fold.ts";
import { checkSize } from "./record.ts";
import { createTail, gapError, judge, readRange, type RecordSource, type Tail } from "./source.ts";

/**
 * What an append meets. `broken`: it rejects with `log_failed`, and so does all that follows on this handle.
 * `ack_lost`: it answers `unknown`, and the record lands at its time, `later` (after another flush time, when
 * a read has already said that it is absent), or never.
 */
export type AppendFault =
  | { kind: "none" }
  | { kind: "disk_full" }
  | { kind: "broken" }
  | { kind: "ack_lost"; lands: "now" | "later" | "never" };

export interface MemoryLogOptions {
  /** Flushes end after `delayMs()` on this clock, one after the other per handle. Without it: at once. */
  flush?: { clock: Clock; delayMs(): number };
  /** Asked once for each append. */
  fault?(record: SealedRecord): AppendFault;
}

export interface MemoryStore {
  open(): MemoryLog;
  /** The machine goes down: every handle crashes. What was flushed stays. */
  crash(): void;
}

export interface MemoryLog extends EventLog {
  /** The process dies: appends not yet flushed never land, and nothing is answered any more. */
  crash(): void;
}

export function createMemoryLog(options?: MemoryLogOptions): MemoryLog {
  return createMemoryStore(options).open();
}

export function createMemoryStore(options: MemoryLogOptions = {}): MemoryStore {
  const disk = new MemoryDisk();
  const handles = new Set<MemoryHandle>();
  return {
    open() {
      const handle = new MemoryHandle(disk, options);
      handles.add(handle);
      return handle;
    },
    crash() {
      for (const handle of handles) handle.crash();
      handles.clear();
    },
  };
}

class MemoryDisk implements RecordSource {
  #records = new Map<number, StoredRecord>();
  #tip: Tip = GENESIS;
  #first = 1;
  /** Of all handles. */
  readonly tails = new Set<Tail>();

  tip(): Tip {
    return this.#tip;
  }

  first(): number {
    return this.#first;
  }

  get(position: number): StoredRecord | undefined {
    return this.#records.get(position);
  }

  commit(record: SealedRecord): AppendResult {
    const verdict = judge(this, record);
    if (verdict.kind === "gap") throw gapError(record, verdict.tip);
    if (verdict.kind !== "accept") return verdict;
    const { position, hash, epoch, bytes } = record;
    this.#records.set(position, { position, hash, bytes });
    this.#tip = { position, hash, epoch };
    for (const tail of this.tails) tail.wake();
    return { kind: "won" };
  }

  truncateBefore(position: number): void {
    const end = Math.min(position, this.#tip.position + 1);
    for (; this.#first < end; this.#first++) this.#records.delete(this.#first);
  }
}

const never = <T>(): Promise<T> => new Promise<T>(() => {});

class MemoryHandle implements MemoryLog {
  readonly #disk: MemoryDisk;
  readonly #options: MemoryLogOptions;
  readonly #tails = new Set<Tail>();
  readonly #inFlight = new Set<Promise<unknown>>();
  #status: "open" | "closed" | "crashed" | "broken" = "open";
  /** When the flush before this one ends. */
  #busyUntil = 0;

  constructor(disk: MemoryDisk, options: MemoryLogOptions) {
    this.#disk = disk;
    this.#options = options;
  }

  append(record: SealedRecord): Promise<AppendResult> {
    return this.#whileOpen(() => {
      checkSize(record.bytes);
      const answer = this.#write(record, this.#options.fault?.(record) ?? { kind: "none" });
      this.#inFlight.add(answer);
      return answer.finally(() => this.#inFlight.delete(answer));
    });
  }

  #write(record: SealedRecord, fault: AppendFault): Promise<AppendResult> {
    switch (fault.kind) {
      case "none":
        return this.#afterFlush(() => this.#disk.commit(record));
      case "disk_full":
        return this.#afterFlush(() => {
          throw new DiskFull(record.position, "injected");
        });
      case "broken":
        return this.#afterFlush(() => this.#break());
      case "ack_lost":
        return this.#afterFlush((): AppendResult => {
          if (fault.lands === "now") this.#landUnseen(record);
          else if (fault.lands === "later") void this.#afterFlush(() => this.#landUnseen(record));
          return { kind: "unknown", cause: "injected" };
        });
    }
  }

  #break(): never {
    const error = new LogFailed("the disk broke", "injected");
    this.#status = "broken";
    for (const tail of Array.from(this.#tails)) tail.fail(error);
    throw error;
  }

  #landUnseen(record: SealedRecord): void {
    // Where it would leave a gap nobody is there to be told.
    if (record.position <= this.#disk.tip().position + 1) this.#disk.commit(record);
  }

  /** The promise stays open for ever when the handle crashes first. */
  #afterFlush<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#later(() => {
        if (this.#status === "crashed") return;
        try {
          if (this.#status === "broken") this.#assertOpen();
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      });
    });
  }

  #later(call: () => void): void {
    const { flush } = this.#options;
    if (flush === undefined) return queueMicrotask(call);
    const now = flush.clock.monotonic();
    this.#busyUntil = Math.max(this.#busyUntil, now) + flush.delayMs();
    flush.clock.after(this.#busyUntil - now, call);
  }

  #soon(call: () => void): void {
    const { flush } = this.#options;
    if (flush === undefined) queueMicrotask(call);
    else flush.clock.soon(call);
  }

  tip(): Promise<Tip> {
    return this.#whileOpen(() => this.#disk.tip());
  }

  first(): Promise<number> {
    return this.#whileOpen(() => this.#disk.first());
  }

  read(from: number): AsyncIterable<StoredRecord> {
    return readRange(this.#source(), { from, to: this.#disk.tip().position });
  }

  tail(from: number, onRecord: (record: StoredRecord) => void, options: TailOptions = {}): { stop(): void } {
    const tail = createTail(this.#source(), {
      from,
      onRecord,
      onEnd: (error) => {
        forget();
        options.onEnd?.(error);
      },
      soon: (call) => this.#soon(call),
    });
    const forget = (): void => {
      this.#tails.delete(tail);
      this.#disk.tails.delete(tail);
      tail.stop();
    };
    if (this.#status !== "open") return { stop: forget };
    this.#tails.add(tail);
    this.#disk.tails.add(tail);
    tail.wake();
    return { stop: forget };
  }

  truncateBefore(position: number): Promise<void> {
    return this.#whileOpen(() => this.#disk.truncateBefore(position));
  }

  async close(): Promise<void> {
    if (this.#status !== "open") return;
    this.#status = "closed";
    this.#dropTails();
    await Promise.allSettled(this.#inFlight);
  }

  crash(): void {
    this.#status = "crashed";
    this.#dropTails();
  }

  #dropTails(): void {
    for (const tail of this.#tails) {
      tail.stop();
      this.#disk.tails.delete(tail);
    }
    this.#tails.clear();
  }

  async #whileOpen<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#status === "crashed") return never();
    this.#assertOpen();
    return work();
  }

  #assertOpen(): void {
    if (this.#status === "broken") throw new LogFailed("the disk broke");
    if (this.#status !== "open") throw new LogClosed();
  }

  /** The disk, as long as this handle may look at it. */
  #source(): RecordSource {
    const look = <T>(question: () => T): T => {
      this.#assertOpen();
      return question();
    };
    const disk = this.#disk;
    return {
      tip: () => look(() => disk.tip()),
      first: () => look(() => disk.first()),
      get: (position) => look(() => disk.get(position)),
    };
  }
}
