import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { ulid, type Event, type TaskSpec } from "../../core/index.ts";
import { createMemoryLog, GENESIS, sealRecord } from "../../log/index.ts";
import { namedBlobs } from "./named-blobs.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 5, 1);
let count = 0;

function idAt(daysAgo: number): string {
  count += 1;
  return ulid(NOW - daysAgo * DAY, new Uint8Array(10).fill(count));
}

const blobs = new Map<string, Uint8Array>();
function blob(text: string): string {
  const sha = hash("sha256", text, "hex");
  blobs.set(sha, Buffer.from(text));
  return sha;
}

function workspace(...files: string[]): string {
  const entries = files.map((sha256) => ({ path: sha256.slice(0, 8), kind: "file", sha256 }));
  return blob(JSON.stringify({ format: 1, entries }));
}

const added = (task_id: string, payload: TaskSpec["payload"]): Event =>
  ({
    type: "TasksAdded",
    v: 1,
    submission_id: "s",
    tasks: [{ task_id, payload } as TaskSpec],
    resolved: {},
  }) as Event;
const finished = (task_id: string, document: unknown, next = "completed"): Event =>
  ({
    type: "AttemptFinished",
    v: 1,
    task_id,
    result: { document },
    next: { state: next },
  }) as unknown as Event;

/** @param records events with how many days ago they happened, oldest first */
async function named(records: [daysAgo: number, ...events: Event[]][]) {
  const log = createMemoryLog();
  let tip = GENESIS;
  for (const [daysAgo, ...events] of records) {
    const place = { position: tip.position + 1, epoch: 1, prev_hash: tip.hash, at: NOW - daysAgo * DAY };
    const record = sealRecord(
      { cluster_id: "c", batch_id: String(place.position), ...place },
      events.map((event) => JSON.stringify(event)),
    );
    await log.append(record);
    tip = { position: record.position, hash: record.hash, epoch: 1 };
  }
  const readBlob = async (sha: string) => blobs.get(sha) ?? null;
  const { hashes, isKept } = await namedBlobs({ log, readBlob, cutoff: NOW - 30 * DAY });
  return { isKept, has: (sha: string) => hashes.has(Buffer.from(sha, "hex").toString("latin1")) };
}

describe("what stays", () => {
  test("of a task that has not ended: payload, workspace and files, however old it is", async () => {
    const file = blob("file");
    const tree = workspace(file);
    const payload = blob(JSON.stringify({ config: {}, workspace: tree }));
    const [inline, apart] = [idAt(400), idAt(400)];
    const inlineFile = blob("other file");
    const inlineTree = workspace(inlineFile);
    const { has, isKept } = await named([
      [400, added(apart, { blob: payload }), added(inline, JSON.stringify({ workspace: inlineTree }))],
      [399, finished(inline, null, "retry")],
    ]);
    for (const sha of [payload, tree, file, inlineTree, inlineFile]) expect(has(sha)).toBe(true);
    expect([isKept(inline), isKept(apart)]).toEqual([true, true]);
  });

  test("of a task that ended within the retention: its artifacts too", async () => {
    const [shot, id, tree] = [blob("shot"), idAt(40), workspace(blob("f"))];
    const document = blob(
      JSON.stringify({ cases: [], artifacts: [{ path: "p", sha256: shot, size_bytes: 1 }] }),
    );
    const { has, isKept } = await named([
      [40, added(id, JSON.stringify({ workspace: tree }))],
      [29, finished(id, { blob: document })],
    ]);
    expect([has(shot), has(document), has(tree), isKept(id)]).toEqual([true, true, true, true]);
  });

  test("of a task that ended before: only its documents, of which the results are built again", async () => {
    const [shot, id, payload] = [blob("old shot"), idAt(50), blob('{"config":{}}')];
    const document = blob(JSON.stringify({ artifacts: [{ path: "p", sha256: shot, size_bytes: 1 }] }));
    const { has, isKept } = await named([
      [50, added(id, { blob: payload })],
      [31, finished(id, { blob: document })],
    ]);
    expect([has(document), has(shot), has(payload), isKept(id)]).toEqual([true, false, false, false]);
  });

  test("of an event that this module does not know: whatever it names", async () => {
    const file = blob("scheduled");
    const tree = workspace(file);
    const event = { type: "ScheduleSet", v: 1, tasks: [{ workspace: tree }] } as unknown as Event;
    const { has } = await named([[300, event]]);
    expect([has(tree), has(file)]).toEqual([true, true]);
  });

  test("a file of a workspace is not looked into, whatever it looks like", async () => {
    const inner = blob("not named");
    const file = blob(JSON.stringify({ workspace: inner }));
    const { has } = await named([[1, added(idAt(1), JSON.stringify({ workspace: workspace(file) }))]]);
    expect([has(file), has(inner)]).toEqual([true, false]);
  });
});
