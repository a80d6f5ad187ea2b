/**
 * The way from records to state, the same for a start, a standby, a snapshot and a check: each record is
 * proven to be the successor of the one before (position, hash, cluster, epoch) and only then folded.
 */
import { beginRecord, evolve, type State } from "../core/index.ts";
import { LogCorrupt, LogForeign } from "./errors.ts";
import { GENESIS_HASH, type EventLog, type LogRecord, type StoredRecord, type Tip } from "./event-log.ts";
import { decodeRecord } from "./record.ts";

/** The record before the first one. */
export const GENESIS: Tip = { position: 0, hash: GENESIS_HASH, epoch: 0 };

/** Checks that records follow each other; holds nothing but the last one's name. */
export interface Chain {
  readonly tip: Tip;
  /** Throws LogCorrupt, LogNewer or LogForeign, and then stays where it was. */
  accept(stored: StoredRecord): LogRecord;
}

/** @param clusterId "" when it is not known yet: then the first record says it */
export function createChain(after: Tip, clusterId: string): Chain {
  let tip = after;
  let cluster = clusterId;
  return {
    get tip() {
      return tip;
    },
    accept(stored) {
      const record = decodeRecord(stored);
      if (cluster !== "" && record.cluster_id !== cluster) {
        throw new LogForeign(record.position, cluster, record.cluster_id);
      }
      checkFollows(record, tip);
      cluster = record.cluster_id;
      tip = { position: record.position, hash: stored.hash, epoch: record.epoch };
      return record;
    },
  };
}

function checkFollows(record: LogRecord, tip: Tip): void {
  const { position, prev_hash, epoch } = record;
  if (position !== tip.position + 1) throw new LogCorrupt(position, `it follows on record ${tip.position}`);
  if (prev_hash !== tip.hash) throw new LogCorrupt(position, "it does not name the record before it");
  if (epoch < tip.epoch) throw new LogCorrupt(position, `epoch ${epoch} stands after epoch ${tip.epoch}`);
}

export function foldRecord(state: State, record: LogRecord): void {
  beginRecord(state, record);
  for (const event of record.events) evolve(state, event);
}

/**
 * Folds every record after `after` into the state, which must be the state at `after`.
 *
 * @returns the last record folded
 */
export async function foldLog(log: EventLog, state: State, { after }: { after: Tip }): Promise<Tip> {
  const chain = createChain(after, state.clusterId);
  for await (const stored of log.read(after.position + 1)) foldRecord(state, chain.accept(stored));
  return chain.tip;
}
