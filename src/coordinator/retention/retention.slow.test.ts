// The plan is made by the built program, as beside a real coordinator.
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openBlobStore } from "../../blobs/index.ts";
import { ulid, type Event } from "../../core/index.ts";
import { GENESIS, openLmdbLog, sealRecord } from "../../log/index.ts";
import { createClock } from "../../platform/index.ts";
import { silentLogger } from "../../ports/index.ts";
import { Retention } from "./retention.ts";

const ENTRY = fileURLToPath(new URL("../../../dist/coordinator/retention/plan-process.js", import.meta.url));
const DAY = 86_400_000;

test("a sweep takes what is too old, frees its bytes, and leaves the rest", { timeout: 60_000 }, async () => {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is not there: npm run build`);
  const dir = mkdtempSync(join(tmpdir(), "testyard-retention-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const [logDir, blobDir] = [join(dir, "log"), join(dir, "blobs")];
  const now = Date.now();
  const [old, recent] = [40, 2].map((days) => ulid(now - days * DAY, randomBytes(10))) as [string, string];
  const first = await openBlobStore({ dir: blobDir });
  const [oldShot, shot] = [await first.put(randomBytes(90_000)), await first.put(randomBytes(80_000))];
  for (const task_id of [old, recent]) await first.appendLog({ task_id, attempt: 1 }, 0, randomBytes(5_000));
  await first.close();
  for (const entry of readdirSync(blobDir, { recursive: true, withFileTypes: true })) {
    const time = (now - 3 * DAY) / 1_000;
    if (entry.isFile() && !entry.parentPath.endsWith("index"))
      utimesSync(join(entry.parentPath, entry.name), time, time);
  }
  const log = await openLmdbLog({ dir: logDir });
  let tip = GENESIS;
  for (const [task_id, days, sha256] of [
    [old, 40, oldShot],
    [recent, 2, shot],
  ] as const) {
    const document = JSON.stringify({ artifacts: [{ path: "p", sha256, size_bytes: 1 }] });
    const tasks = [{ task_id, payload: "{}" }];
    const events = [
      { type: "TasksAdded", v: 1, submission_id: "s", tasks, resolved: {} },
      { type: "AttemptFinished", v: 1, task_id, result: { document }, next: { state: "completed" } },
    ] as unknown as Event[];
    const place = { position: tip.position + 1, epoch: 1, prev_hash: tip.hash, at: now - days * DAY };
    const record = sealRecord(
      { cluster_id: "c", batch_id: task_id, ...place },
      events.map((event) => JSON.stringify(event)),
    );
    await log.append(record);
    tip = { position: record.position, hash: record.hash, epoch: 1 };
  }
  const blobs = await openBlobStore({ dir: blobDir });
  let time = now;
  const clock = { ...createClock(), now: () => time };
  const shared = { blobs, logDir, blobDir, clock, logger: silentLogger, entry: ENTRY };
  const retention = new Retention({ ...shared, retentionMs: 30 * DAY });
  expect(await retention.sweep()).toMatchObject({ condemned: 1, removed_logs: 1, removed_objects: 0 });
  expect(blobs.logSize({ task_id: old, attempt: 1 })).toBe(0);
  expect(blobs.missing([oldShot, shot])).toEqual([oldShot]);
  time += DAY + 1;
  const report = await retention.sweep();
  expect(report).toMatchObject({ removed_objects: 1 });
  expect(report.freed_bytes).toBeGreaterThanOrEqual(90_000);
  expect([blobs.has(oldShot), blobs.has(shot)]).toEqual([false, true]);
  expect(blobs.logSize({ task_id: recent, attempt: 1 })).toBe(5_000);
  expect(existsSync(join(blobDir, "tmp/sweep.jsonl"))).toBe(false);
  await retention.end();
  await blobs.close();
  await log.close();
});
