/**
 * Histories for tests: random commands, decided and folded by the real core, written to a log. A seed gives
 * the same history every time.
 */
import {
  activeLease,
  createPrng,
  createState,
  decide,
  evolve,
  beginRecord,
  ulid,
  ulidAfter,
  type Command,
  type Event,
  type Prng,
  type State,
  type Task,
  type TaskSpec,
} from "../core/index.ts";
import type { EventLog, Tip } from "./event-log.ts";
import { GENESIS } from "./fold.ts";
import { sealRecord } from "./record.ts";

const CLUSTER = "01JCLUSTER";
const START = 1_760_000_000_000;

export interface History {
  state: State;
  tip: Tip;
  now: number;
  prng: Prng;
}

/** Runs `steps` random commands, each a record of its own, into the log. */
export async function writeHistory(
  log: EventLog,
  { seed, steps }: { seed: number; steps: number },
): Promise<History> {
  const history: History = { state: createState(), tip: GENESIS, now: START, prng: createPrng(seed) };
  await perform(log, history, claim("coordinator-1"));
  for (let i = 0; i < steps; i++) {
    history.now += history.prng.below(400);
    await perform(log, history, randomCommand(history));
  }
  return history;
}

/** Decides, folds and writes one command. Large submissions are cut into several records. */
export async function perform(log: EventLog, history: History, command: Command): Promise<Event[]> {
  const decision = decide(history.state, command, history.now);
  if (decision.kind === "rejected" || decision.events.length === 0) return [];
  const isCut = command.type === "submit" && history.prng.chance(0.3);
  const parts = isCut ? [decision.events.slice(0, 1), decision.events.slice(1)] : [decision.events];
  for (const events of parts) await commit(log, history, events);
  return decision.events;
}

export async function commit(log: EventLog, history: History, events: Event[]): Promise<void> {
  const { state, tip, now } = history;
  beginRecord(state, { position: tip.position + 1, at: now });
  for (const event of events) evolve(state, event);
  const { epoch } = state;
  const position = tip.position + 1;
  const header = {
    cluster_id: CLUSTER,
    position,
    epoch,
    batch_id: `b${position}`,
    prev_hash: tip.hash,
    at: now,
  };
  const record = sealRecord(
    header,
    events.map((event) => JSON.stringify(event)),
  );
  const result = await log.append(record);
  if (result.kind !== "won") throw new Error(`record ${position}: ${result.kind}`);
  history.tip = { position, hash: record.hash, epoch };
}

export function claim(coordinator_id: string): Command {
  const process = { host: "here", pid: 10, pid_started: "1" };
  return { type: "claim_leadership", cluster_id: CLUSTER, coordinator_id, incarnation: "i1", ...process };
}

function randomCommand(history: History): Command {
  const { state, prng } = history;
  const roll = prng.unit();
  const worker = `worker-${prng.below(3)}`;
  const known = state.workers.get(worker);
  if (state.runs.size === 0 || roll < 0.02) return openRun(history);
  if (known === undefined || roll < 0.04) return registration(history, worker);
  if (roll < 0.12) return submission(history);
  if (roll < 0.13)
    return { type: "lose_worker", worker_id: worker, incarnation: known.incarnation, reason: "silent" };
  if (roll < 0.14) return { type: "cordon_worker", worker_id: worker, by: "operator", reason: "asked" };
  if (roll < 0.18) return { type: "uncordon_worker", worker_id: worker };
  if (roll < 0.22) return { type: "tick" };
  if (roll < 0.24) return { type: "forget_tasks", task_ids: [...state.tasks.keys()].slice(0, 5) };
  if (roll < 0.25) return claim(`coordinator-${prng.below(3)}`);
  const task = someTask(history);
  return task === undefined ? { type: "tick" } : commandFor(history, task, worker);
}

/** Mostly one that is out with a worker, else any. */
function someTask({ state, prng }: History): Task | undefined {
  const all = [...state.tasks.values()];
  const out = all.filter((task) => activeLease(task) !== null);
  if (out.length > 0 && prng.chance(0.5)) return prng.pick(out);
  return all.length > 0 ? prng.pick(all) : undefined;
}

function commandFor({ prng }: History, task: Task, worker_id: string): Command {
  const { task_id } = task.spec;
  const { status } = task;
  if (prng.chance(0.04)) return { type: "cancel_task", task_id, reason: "asked" };
  switch (status.state) {
    case "assigned": {
      const { attempt, worker_id: holder, incarnation } = status.lease;
      return { type: "start_attempt", task_id, attempt, worker_id: holder, incarnation };
    }
    case "poisoned":
      return { type: "release_task", task_id, reason: "asked" };
    case "running": {
      const { attempt, worker_id: holder, incarnation } = status.lease;
      const stale = prng.chance(0.1) ? 1 : 0;
      return finish({ task_id, attempt: attempt - stale, worker_id: holder, incarnation }, prng);
    }
    case "cancelled":
      if (status.lease !== null) return finish({ task_id, ...status.lease }, prng);
      return { type: "assign_task", task_id, worker_id };
    default:
      return { type: "assign_task", task_id, worker_id };
  }
}

interface Reporter {
  task_id: string;
  attempt: number;
  worker_id: string;
  incarnation: string;
}

function finish({ task_id, attempt, worker_id, incarnation }: Reporter, prng: Prng): Command {
  const outcome = prng.pick(["passed", "passed", "passed", "failed", "timed_out", "infrastructure"] as const);
  const result = {
    outcome,
    exit_code: outcome === "passed" ? 0 : 1,
    signal: null,
    started_at: START,
    duration_ms: prng.below(1_000),
    usage: { cpu_ms: 12, max_rss_bytes: 1_000_000 },
    counts: { passed: 1, failed: 0, skipped: 0, error: 0 },
    document: null,
    log_bytes: 17,
    error: outcome === "infrastructure" ? { code: "spawn_failed", message: "no such program" } : null,
  };
  return { type: "finish_attempt", task_id, attempt, worker_id, incarnation, result };
}

function openRun({ now, prng }: History): Command {
  const run_id = ulid(now, prng.bytes(10));
  return {
    type: "open_run",
    run_id,
    project: "default",
    run_key: prng.chance(0.5) ? run_id : null,
    name: "a run",
  };
}

function registration({ prng }: History, worker_id: string): Command {
  const capabilities = {
    hostname: "here",
    os: "linux",
    os_version: "6",
    arch: "x64",
    cpu: { model: "any", physical_cores: 4, logical_cores: 8 },
    memory_mb: 16_000,
    gpus: [{ index: 0, vendor: "any", model: "any", memory_mb: 8_000 }],
    hardware: ["cpu", "cuda"],
    browsers: {},
    runtimes: { node: "20.0.0" },
  };
  return {
    type: "register_worker",
    worker_id,
    incarnation: `i${prng.below(3)}`,
    slots: 3,
    labels: { rack: "r1" },
    capabilities,
    hw_class: "c1",
    inventory: [],
  };
}

function submission({ now, prng, state }: History): Command {
  const first = ulid(now, prng.bytes(10));
  const run_id = prng.pick([...state.runs.keys()]);
  const older = [...state.tasks.keys()].slice(-20);
  const tasks = Array.from({ length: 1 + prng.below(6) }, (_, i) => {
    const before = [...older, ...Array.from({ length: i }, (_, j) => ulidAfter(first, j))];
    const dependencies = prng.chance(0.4) && before.length > 0 ? [prng.pick(before)] : [];
    return taskSpec({ task_id: ulidAfter(first, i), run_id, dependencies, prng });
  });
  const idempotency = prng.chance(0.5) ? { key: first, body_hash: "h" } : null;
  return {
    type: "submit",
    submission_id: first,
    project: "default",
    run_id,
    tasks,
    idempotency,
    resolved: {},
  };
}

type Given = Pick<TaskSpec, "task_id" | "run_id" | "dependencies"> & { prng: Prng };

function taskSpec({ task_id, run_id, dependencies, prng }: Given): TaskSpec {
  return {
    task_id,
    run_id,
    project: "default",
    name: `test ${task_id.slice(-3)}`,
    type: "test",
    priority: prng.below(5),
    requirements: prng.pick([{}, {}, { concurrency_key: "database" }, { exclusive: true }]),
    resources: { cpu_milli: 500, memory_mb: 100, gpu: prng.below(2) },
    timeout_ms: 60_000,
    max_retries: prng.below(3),
    retry_delay_ms: prng.below(2) * 500,
    dependencies,
    estimate_ms: null,
    payload: '{"command":["true"]}',
  };
}
