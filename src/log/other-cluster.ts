/**
 * A log written again under another cluster's id: the same events, positions and times, another history.
 *
 * What is put back from a backup goes on from an older moment, and whoever saw more must be able to tell. A
 * worker knows a yard by its cluster id: with a new one it drops what it holds of the former history, and
 * epochs begin to count for it anew. The id stands in every record, so all are written again, and the chain
 * of hashes with them. Leaders of the former history are no longer looked for among living processes.
 */
import type { Event } from "../core/index.ts";
import { LogTruncated } from "./errors.ts";
import type { EventLog, Tip } from "./event-log.ts";
import { createChain, GENESIS } from "./fold.ts";
import { sealRecord } from "./record.ts";

const NO_PROCESS = "restored";

/** @param target an empty log. Rejects with `log_truncated` when the source has forgotten its beginning. */
export async function copyAsOtherCluster(
  source: EventLog,
  target: EventLog,
  { clusterId }: { clusterId: string },
): Promise<Tip> {
  const first = await source.first();
  if (first > 1) throw new LogTruncated(1, first);
  const chain = createChain(GENESIS, "");
  let tip: Tip = GENESIS;
  for await (const stored of source.read(1)) {
    const { events, ...header } = chain.accept(stored);
    const sealed = sealRecord(
      { ...header, cluster_id: clusterId, prev_hash: tip.hash },
      events.map((event) => JSON.stringify(underId(event, clusterId))),
    );
    const appended = await target.append(sealed);
    if (appended.kind !== "won") throw new Error(`record ${sealed.position} was not taken: ${appended.kind}`);
    tip = { position: sealed.position, hash: sealed.hash, epoch: sealed.epoch };
  }
  return tip;
}

function underId(event: Event, clusterId: string): Event {
  if (event.type !== "LeaderClaimed") return event;
  return { ...event, cluster_id: clusterId, pid_started: NO_PROCESS };
}
