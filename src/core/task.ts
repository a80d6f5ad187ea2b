/**
 * A task as the core knows it: what placement, retries and dependencies need, and a payload that it never
 * opens. The states are one union, each with exactly the data it needs, so that an impossible combination
 * (a queued task with a worker, a finished one with a retry time) cannot be built.
 */
import type { RunId, TaskId, WorkerId } from "./ids.ts";
import type { Requirements, Resources } from "./requirements.ts";

export type TaskType = "test" | "benchmark" | "command" | "critical" | "maintenance";

/** The unchanging part, as it stands in the log. */
export interface TaskSpec {
  task_id: TaskId;
  run_id: RunId;
  project: string;
  name: string;
  type: TaskType;
  /** Lower is more urgent. */
  priority: number;
  requirements: Requirements;
  resources: Resources;
  /** After this the whole process tree of an attempt is ended. */
  timeout_ms: number;
  max_retries: number;
  retry_delay_ms: number;
  dependencies: TaskId[];
  /** Expected duration; null when nothing is known, and then the task starts early. */
  estimate_ms: number | null;
  /** JSON text of configuration, arguments and environment, or the hash of a blob that holds it. */
  payload: string | { blob: string };
  /** The task that this one repeats. */
  retry_of?: TaskId;
}

/** The right to run one attempt, held by one incarnation of one worker. */
export interface Lease {
  attempt: number;
  worker_id: WorkerId;
  incarnation: string;
  slot: number;
  /** Device indices. */
  gpus: number[];
  assigned_at: number;
}

export type EndState = "completed" | "failed" | "timed_out" | "cancelled" | "skipped";

export type TaskStatus =
  | { state: "pending"; waits_for: "dependencies" }
  | { state: "pending"; waits_for: "retry"; retry_at: number }
  | { state: "queued"; since: number }
  | { state: "assigned"; lease: Lease }
  | { state: "running"; lease: Lease; started_at: number }
  | { state: EndState; ended_at: number; position: number; reason: string | null; lease: Lease | null }
  | { state: "poisoned"; since: number; reason: string };

export type TaskState = TaskStatus["state"];

export type Ended = Extract<TaskStatus, { state: EndState }>;

const END_STATES: ReadonlySet<string> = new Set(["completed", "failed", "timed_out", "cancelled", "skipped"]);

export function hasEnded(status: TaskStatus): status is Ended {
  return END_STATES.has(status.state);
}

export function isEndState(state: string): state is EndState {
  return END_STATES.has(state);
}

/**
 * Tasks that ask for the same thing share one class: one feasibility answer, one queue. A concurrency key is
 * the project's own, so with one the project belongs to what is asked for.
 */
export function classKey(spec: Pick<TaskSpec, "requirements" | "resources" | "project">): string {
  const { requirements, resources, project } = spec;
  const { cpu_milli, memory_mb, gpu } = resources;
  const scope = requirements.concurrency_key === undefined ? null : project;
  return JSON.stringify([sortedCopy(requirements), cpu_milli, memory_mb, gpu, scope]);
}

function sortedCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedCopy);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortedCopy(item)]));
}

export const DEFAULT_PRIORITY: Readonly<Record<TaskType, number>> = {
  critical: 1,
  command: 2,
  test: 3,
  benchmark: 5,
  maintenance: 10,
};

/** Infrastructure losses that a task survives, counted apart from its retries. */
export const INFRASTRUCTURE_BUDGET = 3;
/** Distinct workers that a running attempt may take down before the task is held back. */
export const POISON_WORKERS = 2;
