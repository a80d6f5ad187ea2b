/**
 * State to lines and back. Lines, so that a snapshot of any size is written and read piece by piece; indices
 * are not saved but built again from what they index.
 */
import { assert } from "./assert.ts";
import { classOf } from "./evolve-task.ts";
import { noEnds } from "./run.ts";
import type { RunEnd } from "./run-end.ts";
import type { Schedule } from "./schedule.ts";
import {
  createState,
  type HeldLease,
  type Leader,
  type Remembered,
  type Run,
  type State,
  type Submission,
  type Task,
  type Worker,
} from "./state.ts";
import { hasEnded, type TaskSpec, type TaskStatus } from "./task.ts";
import type { Delivery, Webhook } from "./webhook.ts";

export type SnapshotLine =
  | {
      kind: "state";
      format: 1;
      cluster_id: string;
      leader: Leader | null;
      epoch: number;
      position: number;
      at: number;
      next_seq: number;
    }
  | { kind: "run"; run: Run }
  | { kind: "run_end"; end: RunEnd }
  | { kind: "webhook"; webhook: Webhook }
  | { kind: "run_webhooks"; run_id: string; webhooks: readonly Webhook[] }
  | { kind: "delivery"; delivery: Delivery }
  | { kind: "schedule"; schedule: Schedule }
  | { kind: "worker"; worker: SavedWorker }
  | { kind: "key"; key: string; remembered: Remembered }
  | { kind: "submission"; submission: Submission }
  | { kind: "task"; task: SavedTask };

interface SavedWorker
  extends Pick<Worker, "worker_id" | "incarnation" | "slots" | "labels" | "capabilities" | "hw_class"> {
  registered_at: number;
  status: Worker["status"];
  cordoned: Worker["cordoned"];
  held: { task_id: string; held: HeldLease }[];
  free_slots: number[];
}

interface SavedTask {
  spec: TaskSpec;
  seq: number;
  status: TaskStatus;
  attempts: number;
  retries_used: number;
  infrastructure_losses: number;
  took_down: readonly string[];
  unmet: number;
  /** Ids of tasks that wait for this one. */
  dependants: string[];
  ended_rank: number | null;
}

export function* saveState(state: State): Generator<SnapshotLine> {
  const { clusterId: cluster_id, leader, epoch, position, at, nextSeq: next_seq } = state;
  yield { kind: "state", format: 1, cluster_id, leader, epoch, position, at, next_seq };
  for (const run of state.runs.values()) yield { kind: "run", run };
  for (const end of state.runEnds.values()) yield { kind: "run_end", end };
  for (const webhook of state.webhooks.values()) yield { kind: "webhook", webhook };
  for (const [run_id, webhooks] of state.runWebhooks) yield { kind: "run_webhooks", run_id, webhooks };
  for (const delivery of state.deliveries.values()) yield { kind: "delivery", delivery };
  for (const delivery of state.pastDeliveries.values()) yield { kind: "delivery", delivery };
  for (const schedule of state.schedules.values()) yield { kind: "schedule", schedule };
  for (const worker of state.workers.values()) yield { kind: "worker", worker: savedWorker(worker) };
  for (const [key, remembered] of state.idempotency) yield { kind: "key", key, remembered };
  // A large submission spans records, and a snapshot may fall between two of them.
  for (const submission of state.submissions.values()) yield { kind: "submission", submission };
  const rank = new Map([...state.ended].map((task, i) => [task, i]));
  for (const task of state.tasks.values())
    yield { kind: "task", task: savedTask(task, rank.get(task) ?? null) };
}

function savedWorker(worker: Worker): SavedWorker {
  const { worker_id, incarnation, slots, labels, capabilities, hw_class, registered_at, status, cordoned } =
    worker;
  const held = [...worker.held].map(([task_id, lease]) => ({ task_id, held: lease }));
  const free_slots = [...worker.freeSlots];
  return {
    worker_id,
    incarnation,
    slots,
    labels,
    capabilities,
    hw_class,
    registered_at,
    status,
    cordoned,
    held,
    free_slots,
  };
}

function savedTask(task: Task, ended_rank: number | null): SavedTask {
  return {
    spec: task.spec,
    seq: task.seq,
    status: task.status,
    attempts: task.attempts,
    retries_used: task.retriesUsed,
    infrastructure_losses: task.infrastructureLosses,
    took_down: task.tookDown,
    unmet: task.unmet,
    // Those that ended by another cause may be forgotten before this task ends.
    dependants: (task.dependants ?? [])
      .filter(({ status }) => !hasEnded(status))
      .map(({ spec }) => spec.task_id),
    ended_rank,
  };
}

export function restoreState(lines: Iterable<SnapshotLine>): State {
  const state = createState();
  const ended: { task: Task; rank: number }[] = [];
  const waiting: { task: Task; ids: string[] }[] = [];
  for (const line of lines) {
    switch (line.kind) {
      case "state":
        restoreHeader(state, line);
        break;
      case "run":
        state.runs.set(line.run.run_id, restoreRun(line.run));
        if (line.run.run_key !== null)
          state.runKeys.set(`${line.run.project}/${line.run.run_key}`, line.run.run_id);
        break;
      case "run_end":
        state.runEnds.set(line.end.run_id, line.end);
        break;
      case "webhook":
        state.webhooks.set(line.webhook.webhook_id, line.webhook);
        break;
      case "run_webhooks":
        state.runWebhooks.set(line.run_id, line.webhooks);
        break;
      case "delivery":
        restoreDelivery(state, line.delivery);
        break;
      case "schedule":
        state.schedules.set(line.schedule.name, line.schedule);
        break;
      case "worker":
        restoreWorker(state, line.worker);
        break;
      case "key":
        state.idempotency.set(line.key, line.remembered);
        break;
      case "submission": {
        const { submission } = line;
        const copy = { ...submission, tasks: [...submission.tasks], resolved: { ...submission.resolved } };
        state.submissions.set(submission.submission_id, copy);
        break;
      }
      case "task": {
        const task = restoreTask(state, line.task);
        if (line.task.ended_rank !== null) ended.push({ task, rank: line.task.ended_rank });
        if (line.task.dependants.length > 0) waiting.push({ task, ids: line.task.dependants });
        break;
      }
    }
  }
  for (const { task } of ended.sort((a, b) => a.rank - b.rank)) state.ended.add(task);
  for (const { task, ids } of waiting) task.dependants = ids.flatMap((id) => state.tasks.get(id) ?? []);
  return state;
}

function restoreDelivery(state: State, delivery: Delivery): void {
  const among = delivery.outcome === null ? state.deliveries : state.pastDeliveries;
  among.set(delivery.delivery_id, delivery);
}

/** A snapshot of an earlier version does not know of `superseded`. */
function restoreRun(run: Run): Run {
  const superseded = { ...noEnds(), ...(run.superseded as Run["superseded"] | undefined) };
  return { ...run, counts: { ...run.counts }, superseded };
}

function restoreHeader(state: State, line: Extract<SnapshotLine, { kind: "state" }>): void {
  state.clusterId = line.cluster_id;
  state.leader = line.leader;
  state.epoch = line.epoch;
  state.position = line.position;
  state.at = line.at;
  state.nextSeq = line.next_seq;
}

function restoreTask(state: State, saved: SavedTask): Task {
  const taskClass = classOf(state, saved.spec);
  taskClass.members += 1;
  const task: Task = {
    spec: { ...saved.spec, requirements: taskClass.requirements, resources: taskClass.resources },
    class: taskClass,
    seq: saved.seq,
    status: saved.status,
    attempts: saved.attempts,
    retriesUsed: saved.retries_used,
    infrastructureLosses: saved.infrastructure_losses,
    tookDown: saved.took_down,
    unmet: saved.unmet,
    dependants: null,
    heapIndex: -1,
  };
  state.tasks.set(saved.spec.task_id, task);
  if (saved.spec.retry_of !== undefined) state.retries.set(saved.spec.retry_of, saved.spec.task_id);
  index(state, task);
  return task;
}

function index(state: State, task: Task): void {
  const { status } = task;
  if (status.state === "queued") {
    task.class.queue.add(task);
    state.queuedCount += 1;
  } else if (status.state === "pending" && status.waits_for === "retry") {
    state.retrying.add(task);
    state.nextRetryAt = Math.min(state.nextRetryAt, status.retry_at);
  }
  assert(!hasEnded(status) || status.position <= state.position, "nothing ends after the snapshot");
}

function restoreWorker(state: State, saved: SavedWorker): void {
  const { capabilities, held, free_slots, ...plain } = saved;
  const worker: Worker = {
    ...plain,
    capabilities,
    held: new Map(),
    freeSlots: [...free_slots],
    freeGpus: new Set(capabilities.gpus.map((gpu) => gpu.index)),
    freeCpuMilli: capabilities.cpu.logical_cores * 1000,
    freeMemoryMb: capabilities.memory_mb,
    exclusive: null,
  };
  for (const { task_id, held: lease } of held) occupy(state, worker, { task_id, held: lease });
  state.workers.set(worker.worker_id, worker);
}

function occupy(state: State, worker: Worker, { task_id, held }: { task_id: string; held: HeldLease }): void {
  worker.held.set(task_id, held);
  for (const gpu of held.lease.gpus) worker.freeGpus.delete(gpu);
  worker.freeCpuMilli -= held.resources.cpu_milli;
  worker.freeMemoryMb -= held.resources.memory_mb;
  if (held.exclusive) worker.exclusive = task_id;
  if (held.concurrencyKey !== null) state.concurrencyKeys.set(held.concurrencyKey, task_id);
}
