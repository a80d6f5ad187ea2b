/**
 * The whole state of a yard: what the log folds to. Only `evolve` writes it.
 *
 * Maps keep the order in which things came, which is the same on every replica. Indices (queues per class,
 * dependants, held slots) live here as well, because every decision needs them and only the fold knows when
 * they change.
 */
import type { RunId, TaskId, WorkerId } from "./ids.ts";
import type { ReadyQueue } from "./ready-queue.ts";
import type { Capabilities, Requirements, Resources } from "./requirements.ts";
import type { RunEnd } from "./run-end.ts";
import type { Schedule } from "./schedule.ts";
import type { EndState, Lease, TaskSpec, TaskState, TaskStatus } from "./task.ts";
import type { Delivery, Webhook } from "./webhook.ts";

/** Tasks with equal requirements and resources. */
export interface TaskClass {
  readonly key: string;
  readonly requirements: Requirements;
  readonly resources: Resources;
  readonly queue: ReadyQueue<Task>;
  /** Tasks in memory, queued or not; the class goes with the last one. */
  members: number;
}

export interface Task {
  readonly spec: TaskSpec;
  readonly class: TaskClass;
  /** Order of arrival. */
  readonly seq: number;
  status: TaskStatus;
  /** Attempts assigned so far; the next one has this number plus 1. */
  attempts: number;
  retriesUsed: number;
  infrastructureLosses: number;
  /** Workers that were lost while an attempt ran there. */
  tookDown: readonly WorkerId[];
  /** Dependencies that have not succeeded yet. */
  unmet: number;
  /** Tasks that wait for this one; null while nothing does, as with nearly all. */
  dependants: Task[] | null;
  /** Place in the class's queue, -1 outside it. */
  heapIndex: number;
}

export interface Run {
  readonly run_id: RunId;
  readonly project: string;
  readonly run_key: string | null;
  readonly name: string;
  readonly opened_at: number;
  /** Tasks in memory by state; tasks forgotten stay counted in `ended`. */
  counts: Record<TaskState, number>;
  total: number;
  /** Tasks of this run that a newer task of it repeats, by how they ended: these decide nothing any more. */
  superseded: Record<EndState, number>;
  /** Tasks of this run still in memory. */
  remembered: number;
}

export interface Submission {
  readonly submission_id: string;
  readonly project: string;
  readonly run_id: RunId;
  readonly first_task_id: TaskId;
  readonly count: number;
  readonly idempotency: { key: string; body_hash: string } | null;
  readonly tasks: TaskSpec[];
  resolved: Record<TaskId, EndState>;
}

/** What a submission's key answers with, for a day or 100,000 keys. */
export interface Remembered {
  readonly body_hash: string;
  readonly submission_id: string;
  readonly run_id: RunId;
  readonly first_task_id: TaskId;
  readonly count: number;
  readonly at: number;
}

export interface Worker {
  readonly worker_id: WorkerId;
  readonly incarnation: string;
  readonly slots: number;
  readonly labels: Record<string, string>;
  readonly capabilities: Capabilities;
  readonly hw_class: string;
  readonly registered_at: number;
  status: { state: "online" } | { state: "lost"; at: number; reason: string };
  /** Why nothing new goes here; null when it may. */
  cordoned: { by: "operator" | "worker"; reason: string } | null;
  /** One lease a task: cancelled attempts stay until the worker says they have ended. */
  readonly held: Map<TaskId, HeldLease>;
  readonly freeSlots: number[];
  readonly freeGpus: Set<number>;
  freeCpuMilli: number;
  freeMemoryMb: number;
  exclusive: TaskId | null;
}

export interface HeldLease {
  readonly lease: Lease;
  readonly resources: Resources;
  readonly concurrencyKey: string | null;
  readonly exclusive: boolean;
}

export interface Leader {
  readonly epoch: number;
  readonly coordinator_id: string;
  readonly incarnation: string;
  readonly host: string;
  readonly pid: number;
  readonly pid_started: string;
  readonly claimed_at: number;
}

export interface State {
  clusterId: string;
  leader: Leader | null;
  epoch: number;
  /** Position of the record being folded, and its time. */
  position: number;
  at: number;
  nextSeq: number;
  readonly tasks: Map<TaskId, Task>;
  readonly classes: Map<string, TaskClass>;
  readonly runs: Map<RunId, Run>;
  /** `project/run_key` to run. */
  readonly runKeys: Map<string, RunId>;
  /** The newest end of each run that has ended once. */
  readonly runEnds: Map<RunId, RunEnd>;
  /** Told of the ends of all runs, and of single ones. */
  readonly webhooks: Map<string, Webhook>;
  readonly runWebhooks: Map<RunId, readonly Webhook[]>;
  /** To be made, and those of the recent past in the order in which they ended. */
  readonly deliveries: Map<string, Delivery>;
  readonly pastDeliveries: Map<string, Delivery>;
  readonly schedules: Map<string, Schedule>;
  /** Opened and not yet sealed. */
  readonly submissions: Map<string, Submission>;
  /** `project/key`, oldest first. */
  readonly idempotency: Map<string, Remembered>;
  readonly workers: Map<WorkerId, Worker>;
  /** Concurrency keys in use, with the task that holds each. */
  readonly concurrencyKeys: Map<string, TaskId>;
  /** Tasks that wait for a retry time, and the earliest such time. */
  readonly retrying: Set<Task>;
  nextRetryAt: number;
  /** Task to the one that repeats it, for those repeating that are in memory. */
  readonly retries: Map<TaskId, TaskId>;
  /** Ended and still in memory, in order of their end. */
  readonly ended: Set<Task>;
  queuedCount: number;
}

export function createState(): State {
  return {
    clusterId: "",
    leader: null,
    epoch: 0,
    position: 0,
    at: 0,
    nextSeq: 0,
    tasks: new Map(),
    classes: new Map(),
    runs: new Map(),
    runKeys: new Map(),
    runEnds: new Map(),
    webhooks: new Map(),
    runWebhooks: new Map(),
    deliveries: new Map(),
    pastDeliveries: new Map(),
    schedules: new Map(),
    submissions: new Map(),
    idempotency: new Map(),
    workers: new Map(),
    concurrencyKeys: new Map(),
    retrying: new Set(),
    nextRetryAt: Infinity,
    retries: new Map(),
    ended: new Set(),
    queuedCount: 0,
  };
}

/** The lease of a task that is out with a worker, else null. */
export function activeLease(task: Task): Lease | null {
  return task.status.state === "assigned" || task.status.state === "running" ? task.status.lease : null;
}

export function isAvailable(worker: Worker): boolean {
  return worker.status.state === "online" && worker.cordoned === null && worker.exclusive === null;
}
