import { describe, expect, it } from "vitest";
import { activeLease, createState, hasEnded, type Event, type Lease, type State } from "../core/index.ts";
import type { EventLog } from "./event-log.ts";
import { foldLog, GENESIS } from "./fold.ts";
import { createMemoryLog } from "./memory.ts";
import { commit, writeHistory, type History } from "./random-history.testing.ts";
import { sealRecord } from "./record.ts";
import { appendSome } from "./records.testing.ts";
import { verifyLog } from "./verify.ts";

/** Appends events that no coordinator would decide, past the fold. */
async function forge(log: EventLog, events: Event[]): Promise<void> {
  const tip = await log.tip();
  const header = {
    cluster_id: "01JCLUSTER",
    position: tip.position + 1,
    epoch: tip.epoch,
    batch_id: "forged",
    prev_hash: tip.hash,
    at: Number.MAX_SAFE_INTEGER,
  };
  const texts = events.map((event) => JSON.stringify(event));
  expect(await log.append(sealRecord(header, texts))).toEqual({ kind: "won" });
}

/** The last accepted result of a task that has ended. */
async function acceptedResult(log: EventLog): Promise<Event> {
  let found: Event | undefined;
  for await (const { bytes } of log.read(1)) {
    const { events } = JSON.parse(Buffer.from(bytes).toString()) as { events: Event[] };
    found =
      events.find((event) => event.type === "AttemptFinished" && event.next.state === "completed") ?? found;
  }
  if (found === undefined) throw new Error("the history has no accepted result");
  return found;
}

const withHistory = async (seed = 5): Promise<{ log: EventLog; history: History }> => {
  const log = createMemoryLog();
  return { log, history: await writeHistory(log, { seed, steps: 400 }) };
};

const taskIn = (state: State, wanted: "open" | "queued"): string => {
  const found = [...state.tasks.values()].find(({ status }) =>
    wanted === "open" ? !hasEnded(status) : status.state === "queued",
  );
  if (found === undefined) throw new Error(`the history has no task that is ${wanted}`);
  return found.spec.task_id;
};

describe("verify", () => {
  it("finds nothing wrong with what the core decided, and counts it", async () => {
    for (let seed = 0; seed < 10; seed++) {
      const { log, history } = await withHistory(seed);
      const found = await verifyLog(log);
      expect(found).toMatchObject({ lost: 0, duplicated: 0, ok: true, problems: [] });
      const open = [...history.state.tasks.values()].filter(({ status }) => !hasEnded(status)).length;
      expect(found.open).toBe(open);
      expect(found.tasks).toBe(history.state.nextSeq);
      expect(found.results).toBeGreaterThan(0);
    }
  });

  it("finds nothing in an empty log", async () => {
    expect(await verifyLog(createMemoryLog())).toEqual({
      tasks: 0,
      results: 0,
      lost: 0,
      duplicated: 0,
      fenced: 0,
      open: 0,
      ok: true,
      problems: [],
    });
  });

  it("does not believe the end of a run that has open tasks", async () => {
    const { log, history } = await withHistory();
    const open = [...history.state.tasks.values()].find(({ status }) => !hasEnded(status));
    const run_id = open?.spec.run_id ?? "";
    const total = history.state.runs.get(run_id)?.total ?? 0;
    const counts = { completed: total, failed: 0, timed_out: 0, cancelled: 0, skipped: 0 };
    const ended = (history.state.runEnds.get(run_id)?.ended ?? 0) + 1;
    await forge(log, [{ type: "RunEnded", v: 1, run_id, ended, total, counts, verdict: "passed" }]);
    const { problems } = await verifyLog(log);
    expect(problems.join()).toMatch(new RegExp(`run ${run_id} ended with ${total} tasks: it had`));
  });

  it("does not miss tasks whose submission was never sealed", async () => {
    const { log, history } = await withHistory();
    const before = await verifyLog(log);
    const [run_id = ""] = history.state.runs.keys();
    const opened = {
      type: "SubmissionOpened",
      v: 1,
      submission_id: "s",
      project: "default",
      run_id,
    } as const;
    const task = [...history.state.tasks.values()][0]?.spec;
    if (task === undefined) throw new Error("the history has no task");
    await commit(log, history, [
      { ...opened, first_task_id: "x", count: 2, idempotency: null },
      { type: "TasksAdded", v: 1, submission_id: "s", tasks: [{ ...task, task_id: "x" }], resolved: {} },
    ]);
    expect(await verifyLog(log)).toEqual(before);
  });

  it("counts a refused result as fenced", async () => {
    const { log, history } = await withHistory();
    const before = await verifyLog(log);
    const refused = { type: "ResultRefused", v: 1, task_id: "t", attempt: 1, worker_id: "w" } as const;
    await commit(log, history, [{ ...refused, outcome: "passed", code: "stale_attempt" }]);
    expect(await verifyLog(log)).toEqual({ ...before, fenced: before.fenced + 1 });
  });

  it("counts a task that ended twice as duplicated", async () => {
    const { log } = await withHistory();
    await forge(log, [await acceptedResult(log)]);
    expect(await verifyLog(log)).toMatchObject({ duplicated: 1, lost: 0, ok: false });
  });

  it("counts a task that is gone without an end as lost", async () => {
    const { log, history } = await withHistory();
    const task_id = taskIn(history.state, "open");
    const { open } = await verifyLog(log);
    const state = createState();
    const tip = await foldLog(log, state, { after: GENESIS });
    const verification = verifyLog(log, { state, tip });
    // As a fold with a defect would do it, while the rest of the log is read.
    state.tasks.delete(task_id);
    expect(await verification).toMatchObject({ lost: 1, open: open - 1, ok: false });
  });

  it("finds an event that the fold refuses", async () => {
    const { log, history } = await withHistory();
    await forge(log, [{ type: "TasksForgotten", v: 1, task_ids: [taskIn(history.state, "open")] }]);
    const found = await verifyLog(log);
    expect(found.ok).toBe(false);
    expect(found.problems[0]).toContain("does not fold");
  });

  it("finds attempts that are not numbered one after the other", async () => {
    const { log, history } = await withHistory();
    const task_id = taskIn(history.state, "queued");
    const lease: Lease = {
      attempt: 99,
      worker_id: "worker-0",
      incarnation: "i",
      slot: 0,
      gpus: [],
      assigned_at: 0,
    };
    await forge(log, [{ type: "AttemptAssigned", v: 1, task_id, lease }]);
    const found = await verifyLog(log);
    expect(found.ok).toBe(false);
    expect(found.problems[0]).toContain(`task ${task_id} was given attempt 99 after attempt`);
  });

  it("finds events for tasks that were never submitted", async () => {
    const { log } = await withHistory();
    const event: Event = {
      type: "TaskCancelled",
      v: 1,
      task_id: "nobody",
      run_id: "r",
      reason: "",
      lease: null,
    };
    await forge(log, [event]);
    expect((await verifyLog(log)).problems[0]).toContain("an event names task nobody");
  });

  it("finds a record of another log", async () => {
    const { log } = await withHistory();
    await appendSome(log, 1);
    const found = await verifyLog(log);
    expect(found.ok).toBe(false);
    expect(found.problems[0]).toContain("belongs to cluster test");
  });

  it("goes on from a snapshot where the log is truncated", async () => {
    const { log, history } = await withHistory();
    const whole = await verifyLog(log);
    const state = createState();
    const tip = await foldLog(await head(log), state, { after: GENESIS });
    await log.truncateBefore(tip.position + 1);
    expect(await verifyLog(log)).toMatchObject({ ok: false });
    const found = await verifyLog(log, { state, tip });
    expect(found).toMatchObject({ ok: true, lost: 0, duplicated: 0, open: whole.open });
    const out = [...history.state.tasks.values()].filter((task) => activeLease(task) !== null);
    expect(found.open).toBeGreaterThanOrEqual(out.length);
  });
});

/** A copy of the first half of the log. */
async function head(log: EventLog): Promise<EventLog> {
  const copy = createMemoryLog();
  const half = (await log.tip()).position >> 1;
  for await (const { position, hash, bytes } of log.read(1)) {
    if (position > half) break;
    const { epoch, batch_id, prev_hash } = JSON.parse(Buffer.from(bytes).toString());
    await copy.append({ position, epoch, batch_id, prev_hash, hash, bytes });
  }
  return copy;
}
