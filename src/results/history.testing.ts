/**
 * Histories for tests: commands decided and folded by the core, their events cut into records and appended to
 * a log. The folded state is the reference that the projection is held against.
 */
import { createHash } from "node:crypto";
import {
  beginRecord,
  type AttemptResult,
  type Command,
  createPrng,
  createState,
  decide,
  type Event,
  evolve,
  activeLease,
  hasEnded,
  isAvailable,
  type Prng,
  type State,
  type Task,
  type TaskSpec,
  ulid,
} from "../core/index.ts";
import { type EventLog, GENESIS, sealRecord, type Tip } from "../log/index.ts";
import type { ReportedCase, ResultDocument } from "../protocol/index.ts";

export const CLUSTER = "yard-1";
const START = Date.UTC(2026, 0, 2, 3, 4, 5);

export interface History {
  readonly state: State;
  readonly log: EventLog;
  readonly blobs: Map<string, Uint8Array>;
  readonly tip: Tip;
  readonly now: number;
  id(): string;
  /** Decides, folds and appends; the events go into records of `perRecord` events. */
  run(command: Command, options?: { perRecord?: number }): Promise<Event[]>;
  /** Appends events that no command decided. Folds nothing. */
  append(events: Event[]): Promise<void>;
  /** A leader, a run `RUN` and a worker. */
  begin(): Promise<string>;
}

export function createHistory(log: EventLog, { seed = 1 } = {}): History {
  const prng = createPrng(seed);
  const state = createState();
  const blobs = new Map<string, Uint8Array>();
  let tip = GENESIS;
  let now = START;
  const append = async (events: Event[]) => {
    const { cluster_id, epoch } = { cluster_id: CLUSTER, epoch: Math.max(1, state.epoch) };
    const header = { cluster_id, position: tip.position + 1, epoch, prev_hash: tip.hash, at: now };
    const batch_id = `batch-${header.position}`;
    const record = sealRecord(
      { ...header, batch_id },
      events.map((event) => JSON.stringify(event)),
    );
    const answer = await log.append(record);
    if (answer.kind !== "won") throw new Error(`record ${record.position}: ${answer.kind}`);
    tip = { position: record.position, hash: record.hash, epoch };
  };
  const history: History = {
    state,
    log,
    blobs,
    get tip() {
      return tip;
    },
    get now() {
      return now;
    },
    id: () => ulid(now, prng.bytes(10)),
    append,
    async run(command, { perRecord = 1_000 } = {}) {
      now += 7;
      const decision = decide(state, command, now);
      if (decision.kind === "rejected") throw new Error(`${command.type}: ${decision.rejection.message}`);
      const { events } = decision;
      for (let from = 0; from < events.length; from += perRecord) {
        const part = events.slice(from, from + perRecord);
        beginRecord(state, { position: tip.position + 1, at: now });
        for (const event of part) evolve(state, event);
        await append(part);
      }
      return events;
    },
    async begin() {
      await history.run(claim(1));
      const run_id = history.id();
      await history.run({ type: "open_run", run_id, project: "shop", run_key: "ci-1", name: "first" });
      await history.run(worker("w1", "w1-a"));
      return run_id;
    },
  };
  return history;
}

export function claim(n: number): Command {
  const incarnation = `c-${n}`;
  return {
    type: "claim_leadership",
    cluster_id: CLUSTER,
    coordinator_id: "c",
    incarnation,
    host: "h",
    pid: n,
    pid_started: "1",
  };
}

export function worker(
  worker_id: string,
  incarnation: string,
): Extract<Command, { type: "register_worker" }> {
  return {
    type: "register_worker",
    worker_id,
    incarnation,
    slots: 4,
    labels: { rack: "a" },
    hw_class: `v1-${worker_id}`,
    inventory: [],
    capabilities: {
      hostname: `${worker_id}.local`,
      os: "linux",
      os_version: "6.1",
      arch: "x64",
      cpu: { model: "Test CPU", physical_cores: 4, logical_cores: 8 },
      memory_mb: 16_384,
      gpus: [],
      hardware: ["cpu"],
      browsers: {},
      runtimes: { node: "20.20.2" },
    },
  };
}

export function spec(task_id: string, run_id: string, change: Partial<TaskSpec> = {}): TaskSpec {
  return {
    task_id,
    run_id,
    project: "shop",
    name: `task ${task_id}`,
    type: "test",
    priority: 3,
    requirements: {},
    resources: { cpu_milli: 0, memory_mb: 0, gpu: 0 },
    timeout_ms: 60_000,
    max_retries: 0,
    retry_delay_ms: 0,
    dependencies: [],
    estimate_ms: null,
    payload: JSON.stringify({ config: { test_file: "a.test.ts" }, env: { TOKEN: "secret" } }),
    ...change,
  };
}

export function submit(run_id: string, tasks: TaskSpec[], key: string | null = null): Command {
  const submission_id = `s-${tasks[0]?.task_id}`;
  const idempotency = key === null ? null : { key, body_hash: `hash of ${key}` };
  return { type: "submit", submission_id, project: "shop", run_id, tasks, idempotency, resolved: {} };
}

export function result(change: Partial<AttemptResult> = {}): AttemptResult {
  return {
    outcome: "passed",
    exit_code: 0,
    signal: null,
    started_at: START + 5,
    duration_ms: 12.5,
    usage: { cpu_ms: 9, max_rss_bytes: 30_000_000 },
    counts: { passed: 1, failed: 0, skipped: 0, error: 0 },
    document: null,
    log_bytes: 10,
    error: null,
    ...change,
  };
}

export function reportedCase(name: string, change: Partial<ReportedCase> = {}): ReportedCase {
  const test_id = createHash("sha256").update(name).digest("hex");
  return { test_id, file: "a.test.ts", name, outcome: "passed", duration_ms: 5, ...change };
}

export function document(cases: ReportedCase[], change: Partial<ResultDocument> = {}): string {
  const whole: ResultDocument = { format: 1, framework: "vitest", cases, metrics: [], ...change };
  return JSON.stringify(whole);
}

export function putBlob(history: History, text: string): { blob: string } {
  const bytes = Buffer.from(text);
  const blob = createHash("sha256").update(bytes).digest("hex");
  history.blobs.set(blob, bytes);
  return { blob };
}

/** Assigns, starts and finishes the next attempt of a queued task. */
export async function attempt(
  history: History,
  task_id: string,
  outcome: AttemptResult,
  worker_id = "w1",
): Promise<void> {
  const incarnation = history.state.workers.get(worker_id)?.incarnation ?? "";
  await history.run({ type: "assign_task", task_id, worker_id });
  const number = history.state.tasks.get(task_id)?.attempts ?? 0;
  const who = { task_id, attempt: number, worker_id, incarnation };
  await history.run({ type: "start_attempt", ...who });
  await history.run({ type: "finish_attempt", ...who, result: outcome });
}

/** Something a yard might do next, whatever the state allows. */
export async function randomStep(history: History, prng: Prng): Promise<void> {
  const tasks = [...history.state.tasks.values()].filter((task) => !hasEnded(task.status));
  const out = tasks.filter((each) => activeLease(each) !== null);
  const task = tasks.length === 0 ? null : prng.pick(out.length > 0 && prng.chance(0.6) ? out : tasks);
  const perRecord = 1 + prng.below(4);
  const dice = prng.below(40);
  if (task === null || (tasks.length < 60 && dice < 5)) return submitSome(history, prng, perRecord);
  if (dice === 5) return void (await history.run(claim(history.state.epoch + 1)));
  if (dice === 6) return restartWorker(history, prng);
  if (dice === 7) return abandonSubmission(history);
  if (dice === 8) {
    return void (await history.run({
      type: "cancel_task",
      task_id: task.spec.task_id,
      reason: "not needed",
    }));
  }
  if (dice === 9) return forgetSome(history);
  await advance(history, task, prng);
}

async function submitSome(history: History, prng: Prng, perRecord: number): Promise<void> {
  const run_id = history.id();
  await history.run({
    type: "open_run",
    run_id,
    project: prng.pick(["shop", "bank"]),
    run_key: null,
    name: "r",
  });
  const project = history.state.runs.get(run_id)?.project ?? "";
  const ids = Array.from({ length: 1 + prng.below(6) }, () => history.id()).sort();
  const tasks = ids.map((id, i) => {
    const dependencies = i > 0 && prng.chance(0.3) ? [ids[i - 1] ?? ""] : [];
    return spec(id, run_id, { project, dependencies, max_retries: prng.below(2) });
  });
  await history.run({ ...submit(run_id, tasks), project } as Command, { perRecord });
}

/** Opened, filled, never sealed: the leader died over it, and the next one discards it. */
async function abandonSubmission(history: History): Promise<void> {
  const run_id = history.id();
  const first_task_id = history.id();
  await history.run({ type: "open_run", run_id, project: "shop", run_key: null, name: "abandoned" });
  const shared = { submission_id: `s-${first_task_id}`, v: 1 } as const;
  await history.append([
    {
      type: "SubmissionOpened",
      ...shared,
      project: "shop",
      run_id,
      first_task_id,
      count: 2,
      idempotency: null,
    },
  ]);
  await history.append([
    { type: "TasksAdded", ...shared, tasks: [spec(first_task_id, run_id)], resolved: {} },
  ]);
  await history.run(claim(history.state.epoch + 1));
}

async function restartWorker(history: History, prng: Prng): Promise<void> {
  const name = prng.pick(["w1", "w2", "w3"]);
  await history.run(worker(name, `${name}-${history.tip.position}`), { perRecord: 2 });
}

async function forgetSome(history: History): Promise<void> {
  const task_ids = [...history.state.ended].slice(0, 20).map((task) => task.spec.task_id);
  if (task_ids.length > 0) await history.run({ type: "forget_tasks", task_ids });
}

async function advance(history: History, task: Task, prng: Prng): Promise<void> {
  const { task_id } = task.spec;
  const lease = activeLease(task);
  if (task.status.state === "poisoned") {
    await history.run({ type: "release_task", task_id, reason: "looked at" });
  } else if (task.status.state === "queued") {
    const free = [...history.state.workers.values()].filter((w) => isAvailable(w) && w.freeSlots.length > 0);
    if (free.length === 0) return restartWorker(history, prng);
    await history.run({ type: "assign_task", task_id, worker_id: prng.pick(free).worker_id });
  } else if (lease !== null) {
    const { worker_id, incarnation, attempt: number } = lease;
    const who = { task_id, attempt: number, worker_id, incarnation };
    if (task.status.state === "assigned") return void (await history.run({ type: "start_attempt", ...who }));
    await history.run(
      { type: "finish_attempt", ...who, result: randomResult(history, prng) },
      { perRecord: 1 },
    );
    // Late, and said twice: refused or repeated, never counted again.
    await history.run({ type: "finish_attempt", ...who, result: randomResult(history, prng) });
  }
}

function randomResult(history: History, prng: Prng): AttemptResult {
  const outcome = prng.pick(["passed", "passed", "failed", "timed_out", "infrastructure"] as const);
  const cases = Array.from({ length: prng.below(4) }, (_, i) =>
    reportedCase(`case ${i}`, {
      outcome: prng.pick(["passed", "failed", "skipped"]),
      file: `f${i % 2}.test.ts`,
    }),
  );
  const text = document(cases, { metrics: [{ name: "p95", value: prng.unit(), unit: "ms" }] });
  const where = prng.below(4);
  const found =
    where === 0 ? null : where === 1 ? putBlob(history, text) : where === 2 ? { blob: "0".repeat(64) } : text;
  return result({ outcome, document: found });
}
