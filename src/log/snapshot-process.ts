/**
 * A process of its own that writes a snapshot: it folds the log with the same fold as everybody and so needs
 * nothing from the leader, which never stops to serialise its state. Reads only; it never takes the writer's
 * lock.
 *
 *     node snapshot-process.js <directory of the log> <directory of the snapshots>
 *
 * Prints one line of JSON: a report with exit code 0, or `{code, message}` with 1.
 */
import { setPriority } from "node:os";
import { openLmdbLog } from "./lmdb.ts";
import { loadState, writeSnapshot } from "./snapshot.ts";

export interface SnapshotReport {
  /** Of the last record in the snapshot. */
  position: number;
  tasks: number;
  ms: number;
}

async function main(logDir: string, snapshotDir: string): Promise<SnapshotReport> {
  const started = performance.now();
  const log = await openLmdbLog({ dir: logDir, readOnly: true });
  try {
    const snapshot = await loadState({ log, snapshotDir });
    writeSnapshot(snapshotDir, snapshot);
    const ms = Math.round(performance.now() - started);
    return { position: snapshot.tip.position, tasks: snapshot.state.tasks.size, ms };
  } finally {
    await log.close();
  }
}

try {
  // Whoever decides or runs a test has the processor first.
  setPriority(10);
} catch {
  // Where that is not allowed it takes its turn with the others.
}
try {
  const [logDir = "", snapshotDir = ""] = process.argv.slice(2);
  console.log(JSON.stringify(await main(logDir, snapshotDir)));
} catch (error) {
  const { code = "snapshot_failed", message } = error as { code?: string; message: string };
  console.log(JSON.stringify({ code, message }));
  process.exitCode = 1;
}
