/** What one durable append costs on this disk, by the very log that the coordinator uses. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GENESIS_HASH, openLmdbLog, sealRecord } from "../../log/index.ts";

const APPENDS = 40;

/**
 * Median of single appends, in milliseconds, `pauseMs` after one another: a disk and a processor that sleep
 * between two appends take longer than in a row, so a flush to compare with comes at the pace of its load.
 */
export async function measureFlush(folder: string, { pauseMs }: { pauseMs: number }): Promise<number> {
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
    if (pauseMs > 0) await sleep(pauseMs);
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
