/** The snapshot process beside a log that is being written. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { saveState } from "../core/index.ts";
import { openLmdbLog, type LmdbLog } from "./lmdb.ts";
import { bundle } from "./processes.testing.ts";
import { claim, perform, writeHistory, type History } from "./random-history.testing.ts";
import { loadState, readLatestSnapshot } from "./snapshot.ts";
import { spawnSnapshot } from "./spawn-snapshot.ts";

let dir: string;
let entry: string;
let log: LmdbLog;
let history: History;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "testyard-snapshot-process-"));
  entry = await bundle("snapshot-process.ts", join(dir, "program"));
  log = await openLmdbLog({ dir: join(dir, "log") });
  history = await writeHistory(log, { seed: 21, steps: 300 });
});
afterAll(async () => {
  await log.close();
  rmSync(dir, { recursive: true });
});

const snapshotDir = (): string => join(dir, "snapshots");
const spawn = (): ReturnType<typeof spawnSnapshot> =>
  spawnSnapshot({ logDir: join(dir, "log"), snapshotDir: snapshotDir(), entry });

it("writes the state at the tip, from the log and then from the snapshot before", async () => {
  const tasks = history.state.tasks.size;
  expect(await spawn().done).toEqual({ position: history.tip.position, tasks, ms: expect.any(Number) });
  expect([...saveState(readLatestSnapshot(snapshotDir())?.state ?? history.state)]).toEqual([
    ...saveState(history.state),
  ]);
  await log.truncateBefore(history.tip.position);
  await perform(log, history, claim("another"));
  expect(await spawn().done).toMatchObject({ position: history.tip.position });
  const loaded = await loadState({ log, snapshotDir: snapshotDir() });
  expect([...saveState(loaded.state)]).toEqual([...saveState(history.state)]);
  expect(loaded.tip).toEqual(history.tip);
});

it("says why it wrote none", async () => {
  const missing = spawnSnapshot({ logDir: join(dir, "nowhere"), snapshotDir: snapshotDir(), entry });
  await expect(missing.done).rejects.toMatchObject({
    code: "snapshot_failed",
    details: { reason: expect.stringContaining("log_missing") },
  });
});

it("ends when it is killed and leaves the snapshots alone", async () => {
  const before = readdirSync(snapshotDir());
  const run = spawn();
  run.kill();
  await expect(run.done).rejects.toMatchObject({ details: { reason: "it ended by SIGKILL" } });
  expect(readdirSync(snapshotDir())).toEqual(before);
});
