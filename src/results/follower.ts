/**
 * Carries records from the log to the projection: first proves that the two belong together, then follows up
 * to the position it was told, never to the tip it sees. What is committed is the leader's word, not the
 * engine's: a reader of the same file may see a record before it is safe.
 *
 * A transaction costs milliseconds however little is in it, so at low load records gather for a moment; when
 * far behind, a transaction takes as many as its bounds allow.
 */
import { setTimeout as pause } from "node:timers/promises";
import {
  type Chain,
  createChain,
  decodeRecord,
  type EventLog,
  LogTruncated,
  type Tip,
} from "../log/index.ts";
import { REBUILD } from "./database.ts";
import { ResultsRefused } from "./errors.ts";
import type { ProjectedRecord, Projection } from "./projection.ts";

const GATHER_MS = 25;
/** With this much waiting there is nothing to wait for. */
const BACKLOG_RECORDS = 32;
/** Bounds of a transaction, passed by at most one record. */
const EVENTS = 10_000;
const BYTES = 8 * 1024 * 1024;

export interface Follower {
  /** Records up to here are committed. */
  poke(position: number): void;
  /** Resolves when the transaction at hand is over; no other follows. */
  stop(): Promise<void>;
}

export interface FollowerOptions {
  log: EventLog;
  projection: Projection;
  clusterId: string;
  onProgress(tip: Tip): void;
  /** The projection is unusable; nothing follows any more. */
  onFailure(error: unknown): void;
}

/** Throws ResultsRefused where file and log do not belong together. */
export async function createFollower(options: FollowerOptions): Promise<Follower> {
  const { log, projection } = options;
  await checkBelongsTo(log, projection);
  await recallOpenSubmissions(log, projection);
  const chain = createChain(projection.watermark, options.clusterId);
  let target = 0;
  let stopped = false;
  let running: Promise<void> | null = null;
  const run = async () => {
    while (!stopped && projection.watermark.position < target) {
      const { position } = projection.watermark;
      await carry(options, chain, { target, isStopped: () => stopped });
      const moved = projection.watermark.position > position;
      if (!moved || target - projection.watermark.position < BACKLOG_RECORDS) await pause(GATHER_MS);
    }
  };
  const wake = () => {
    if (stopped || projection.watermark.position >= target) return;
    running ??= run()
      .catch((error: unknown) => {
        stopped = true;
        options.onFailure(error);
      })
      .finally(() => {
        running = null;
        wake();
      });
  };
  return {
    poke(position) {
      target = Math.max(target, position);
      wake();
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** Transactions up to the target, or up to where the log ended when it was asked. */
async function carry(
  options: FollowerOptions,
  chain: Chain,
  { target, isStopped }: { target: number; isStopped: () => boolean },
): Promise<void> {
  const { log, projection } = options;
  const from = projection.watermark.position + 1;
  const stored = log.read(from)[Symbol.asyncIterator]();
  let next = await stored.next();
  const hasMore = () => next.done !== true && next.value.position <= target;
  // Drawn by the transaction, record after record: what is parsed becomes garbage while that is still cheap.
  async function* batch(): AsyncGenerator<ProjectedRecord> {
    let events = 0;
    let bytes = 0;
    while (next.done !== true && hasMore() && events < EVENTS && bytes < BYTES) {
      const record = chain.accept(next.value);
      events += record.events.length;
      bytes += next.value.bytes.length;
      yield { record, hash: next.value.hash };
      next = await stored.next();
    }
  }
  while (hasMore() && !isStopped()) {
    await projection.apply(batch());
    options.onProgress(projection.watermark);
  }
  await stored.return?.();
}

async function checkBelongsTo(log: EventLog, { watermark, resumeFrom }: Projection): Promise<void> {
  const { position, hash } = watermark;
  const tip = await log.tip();
  if (position > tip.position) {
    const seen = `results have seen record ${position}, the log ends at ${tip.position}: an old copy?`;
    const message = `${seen} ${REBUILD}`;
    throw new ResultsRefused("results_ahead", message, { watermark: position, tip: tip.position });
  }
  const first = await log.first();
  if (resumeFrom < first) {
    const message = `results need record ${resumeFrom}, the log begins at ${first}`;
    throw new ResultsRefused("results_gap", message, { resume_from: resumeFrom, first });
  }
  const held = position === tip.position ? tip.hash : await hashAt(log, position);
  if (held === null || held === hash) return;
  const message = `results were built from another log: record ${position} differs. ${REBUILD}`;
  throw new ResultsRefused("results_foreign", message, { watermark: position });
}

/** null where the record cannot be looked at: before the first one, or forgotten. */
async function hashAt(log: EventLog, position: number): Promise<string | null> {
  if (position === 0) return null;
  try {
    for await (const stored of log.read(position)) return stored.hash;
  } catch (error) {
    if (!(error instanceof LogTruncated)) throw error;
  }
  return null;
}

async function recallOpenSubmissions(log: EventLog, projection: Projection): Promise<void> {
  const { watermark, resumeFrom } = projection;
  if (resumeFrom > watermark.position) return;
  for await (const stored of log.read(resumeFrom)) {
    if (stored.position > watermark.position) return;
    projection.recall(decodeRecord(stored));
  }
}
