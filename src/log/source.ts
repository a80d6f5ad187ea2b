/**
 * What memory and LMDB have in common: both answer a read at once, so the rule of the commit, reading a range
 * and following the tip are written once, over three synchronous questions.
 */
import { LogRewound, LogTruncated } from "./errors.ts";
import type { SealedRecord, StoredRecord, Tip } from "./event-log.ts";

export interface RecordSource {
  tip(): Tip;
  first(): number;
  get(position: number): StoredRecord | undefined;
}

export type Verdict =
  | { kind: "accept" }
  | { kind: "won" }
  | { kind: "lost"; tip: Tip }
  | { kind: "gap"; tip: Tip };

/** Decided inside the commit. `accept`: write the record and move the tip to it, in this transaction. */
export function judge(source: RecordSource, record: SealedRecord): Verdict {
  const tip = source.tip();
  if (record.position > tip.position + 1) return { kind: "gap", tip };
  if (record.position === tip.position + 1) {
    // A successor of something that never won carries on a history that is not this one.
    return record.prev_hash === tip.hash ? { kind: "accept" } : { kind: "lost", tip };
  }
  // The tip remembers its hash even when its record is forgotten.
  const held = record.position === tip.position ? tip.hash : source.get(record.position)?.hash;
  return held === record.hash ? { kind: "won" } : { kind: "lost", tip };
}

export function gapError(record: SealedRecord, tip: Tip): LogRewound {
  return new LogRewound(record.position - 1, tip.position);
}

export async function* readRange(
  source: RecordSource,
  range: { from: number; to: number },
): AsyncGenerator<StoredRecord> {
  const first = source.first();
  if (range.from < first) throw new LogTruncated(range.from, first);
  for (let position = range.from; position <= range.to; position++) {
    yield existing(source, position);
  }
}

function existing(source: RecordSource, position: number): StoredRecord {
  const record = source.get(position);
  if (record === undefined) throw new LogTruncated(position, source.first());
  return record;
}

export interface Tail {
  /** There may be something new. */
  wake(): void;
  stop(): void;
  /** Stops and says why. */
  fail(error: unknown): void;
}

export interface TailSetup {
  from: number;
  onRecord(record: StoredRecord): void;
  onEnd(error: unknown): void;
  /** Calls later, never from within. */
  soon(call: () => void): void;
}

/** Records per turn: a reader far behind leaves the loop to others in between. */
const RECORDS_PER_TURN = 128;

export function createTail(source: RecordSource, setup: TailSetup): Tail {
  let next = setup.from;
  let state: "idle" | "scheduled" | "stopped" = "idle";
  const fail = (error: unknown): void => {
    if (state === "stopped") return;
    state = "stopped";
    setup.onEnd(error);
  };
  const wake = (): void => {
    if (state !== "idle") return;
    state = "scheduled";
    setup.soon(turn);
  };
  const stopped = (): boolean => state === "stopped";
  const turn = (): void => {
    if (stopped()) return;
    state = "idle";
    try {
      const to = Math.min(source.tip().position, next + RECORDS_PER_TURN - 1);
      while (next <= to && !stopped()) {
        const record = existing(source, next);
        next += 1;
        setup.onRecord(record);
      }
      if (next <= source.tip().position) wake();
    } catch (error) {
      fail(error);
    }
  };
  return { wake, fail, stop: () => void (state = "stopped") };
}
