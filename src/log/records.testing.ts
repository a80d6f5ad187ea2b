/** Records for tests: small, valid, and each different from every other. */
import type { EventLog, SealedRecord, StoredRecord, Tip } from "./event-log.ts";
import { sealRecord } from "./record.ts";

let made = 0;

/** A record that would follow `tip`, different at each call. @param size bytes of filling */
export function recordAfter(tip: Tip, { size = 0, epoch = 1 } = {}): SealedRecord {
  made += 1;
  const event = { type: "SubmissionSealed", v: 1, submission_id: `${"x".repeat(size)}${made}` };
  const header = {
    cluster_id: "test",
    position: tip.position + 1,
    epoch,
    batch_id: `${process.pid}-${made}`,
    prev_hash: tip.hash,
    at: 1_000 + tip.position,
  };
  return sealRecord(header, [JSON.stringify(event)]);
}

export function tipOf({ position, hash, epoch }: SealedRecord): Tip {
  return { position, hash, epoch };
}

/** Appends `count` records after the tip, each of which must win. */
export async function appendSome(log: EventLog, count: number): Promise<SealedRecord[]> {
  const records: SealedRecord[] = [];
  let tip = await log.tip();
  for (let i = 0; i < count; i++) {
    const record = recordAfter(tip);
    const result = await log.append(record);
    if (result.kind !== "won") throw new Error(`record ${record.position}: ${JSON.stringify(result)}`);
    records.push(record);
    tip = tipOf(record);
  }
  return records;
}

export async function collect(records: AsyncIterable<StoredRecord>): Promise<StoredRecord[]> {
  const found: StoredRecord[] = [];
  for await (const record of records) found.push(record);
  return found;
}

/** Follows the log until `until` says that enough was seen. */
export function followUntil(
  log: EventLog,
  from: number,
  { until }: { until: (seen: StoredRecord[]) => boolean },
): Promise<StoredRecord[]> {
  const seen: StoredRecord[] = [];
  return new Promise((resolve, reject) => {
    const tail = log.tail(
      from,
      (record) => {
        seen.push(record);
        if (!until(seen)) return;
        tail.stop();
        resolve(seen);
      },
      { onEnd: reject },
    );
  });
}
