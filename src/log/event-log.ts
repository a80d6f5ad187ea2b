/**
 * The event log: one totally ordered sequence of records, decided at commit.
 *
 * `append` compares and moves the tip in one transaction. Exactly one record wins a position. `unknown` (the
 * answer was lost) is resolved only by appending the very same record again until the answer is won or lost:
 * reading the tip and seeing nothing proves nothing. Retries inside an engine's client are off.
 */
import type { Event } from "../core/index.ts";

export const GENESIS_HASH = "0".repeat(64);

/** A record as it is written, on every engine the same bytes. */
export interface LogRecord {
  format: 1;
  cluster_id: string;
  /** Numbers records from 1 without gaps. */
  position: number;
  /** Of the leader that wrote it. */
  epoch: number;
  batch_id: string;
  /** SHA-256 (hex) of the record before; of the first, 64 zeros. */
  prev_hash: string;
  /** Milliseconds since 1970, never less than in the record before. */
  at: number;
  events: Event[];
}

/** A record ready to be appended. */
export interface SealedRecord {
  readonly position: number;
  readonly epoch: number;
  readonly batch_id: string;
  readonly prev_hash: string;
  /** SHA-256 (hex) of `bytes`. */
  readonly hash: string;
  readonly bytes: Uint8Array;
}

/** The newest record; position 0 and GENESIS_HASH in an empty log. */
export interface Tip {
  readonly position: number;
  readonly hash: string;
  readonly epoch: number;
}

export type AppendResult =
  | { kind: "won" }
  /** Another record holds the position. Final for this record. */
  | { kind: "lost"; tip: Tip }
  /** It may or may not have landed. Append the same record again. */
  | { kind: "unknown"; cause: unknown };

/** A record as it was read, its bytes not yet parsed. */
export interface StoredRecord {
  readonly position: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
}

export interface TailOptions {
  /**
   * The tail ended without `stop`, once: `log_truncated` when the next record is forgotten already,
   * `log_failed` when the engine broke, or whatever `onRecord` threw.
   */
  onEnd?(error: unknown): void;
}

export interface EventLog {
  /**
   * Durable when it answers `won`. Rejects only where nothing can have been written: `disk_full`,
   * `record_too_large`, `log_closed`, `log_read_only`, `log_rewound` (the record would leave a gap behind the
   * tip); a broken engine rejects with `log_failed` and stays unusable.
   */
  append(record: SealedRecord): Promise<AppendResult>;
  tip(): Promise<Tip>;
  /** Position of the oldest record kept; tip + 1 when there is none. */
  first(): Promise<number>;
  /** From `from` to the tip at the time of the call, in order. Rejects with `log_truncated` below first(). */
  read(from: number): AsyncIterable<StoredRecord>;
  /** All records from `from` on, and every later one as it commits, in order, until `stop`. */
  tail(from: number, onRecord: (record: StoredRecord) => void, options?: TailOptions): { stop(): void };
  /** Forgets records below `position`. The tip stays. */
  truncateBefore(position: number): Promise<void>;
  close(): Promise<void>;
}
