/** What one durable append costs on this disk, by the very log that the coordinator uses. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { GENESIS_HASH, openLmdbLog, sealRecord } from "../../log/index.ts";

const APPENDS = 40;

/** Median of single appends, in milliseconds. */
export async function measureFlush(folder: string): Promise<number> {
  const dir = join(folder, "flush-probe");
  const log = await openLmdbLog({ dir });
  const times: number[] = [];
  let prev_hash = GENESIS_HASH;
  for (let position = 1; position <= APPENDS; position++) {
    const header = {
      cluster_id: "probe",
      position,
      epoch: 1,
      batch_id: `b${position}`,
      prev_hash,
      at: position,
    };
    const record = sealRecord(header, [JSON.stringify({ type: "TasksForgotten", v: 1, task_ids: [] })]);
    const since = performance.now();
    await log.append(record);
    times.push(performance.now() - since);
    prev_hash = record.hash;
  }
  await log.close();
  await rm(dir, { recursive: true, force: true });
  return percentile(times, 0.5);
}

/** Nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
