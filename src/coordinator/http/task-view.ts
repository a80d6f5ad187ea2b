/** Tasks as the API shows them: from memory while the state holds them, from the results afterwards. */
import {
  activeLease,
  hasEnded,
  ulidTime,
  type Lease,
  type State,
  type Task,
  type TaskSpec,
} from "../../core/index.ts";
import type { AttemptView, TaskDetail, TaskView } from "../../protocol/index.ts";
import type { ResultAttempt, ResultTask } from "../../results/index.ts";
import type { Coordinator } from "../coordinator.ts";

export function taskView(task: Task, reason: string | null): TaskView {
  const { spec, status } = task;
  const { task_id, run_id, project, name, type, priority, requirements, resources } = spec;
  const { timeout_ms, max_retries, dependencies } = spec;
  const lease = lastLease(task);
  return {
    task_id,
    run_id,
    project,
    name,
    type,
    state: status.state,
    priority,
    reason,
    attempts: task.attempts,
    worker_id: lease?.worker_id ?? null,
    requirements,
    resources,
    timeout_ms,
    max_retries,
    dependencies,
    retry_of: spec.retry_of ?? null,
    submitted_at: ulidTime(task_id),
    started_at: startedAt(task, lease),
    ended_at: hasEnded(status) ? status.ended_at : null,
  };
}

function lastLease(task: Task): Lease | null {
  return hasEnded(task.status) ? task.status.lease : activeLease(task);
}

/** Of an ended task memory keeps the assignment only, which is the start but for the way to the worker. */
function startedAt({ status }: Task, lease: Lease | null): number | null {
  if (status.state === "running") return status.started_at;
  return hasEnded(status) && lease !== null ? lease.assigned_at : null;
}

/** Explanations looked up for one listing: tasks that ask for the same thing wait for the same reason. */
const EXPLAINED_CLASSES = 20;

export function createReasons(coordinator: Coordinator): (task: Task) => string | null {
  const byClass = new Map<string, string | null>();
  return (task) => {
    const { status } = task;
    if (hasEnded(status)) return status.reason;
    if (status.state === "assigned" || status.state === "running") return null;
    if (status.state !== "queued") return coordinator.explain(task.spec.task_id)?.summary ?? null;
    const { key } = task.class;
    if (!byClass.has(key)) {
      if (byClass.size >= EXPLAINED_CLASSES) return null;
      byClass.set(key, coordinator.explain(task.spec.task_id)?.summary ?? null);
    }
    return byClass.get(key) ?? null;
  };
}

/** An ended task that memory has forgotten. */
export function resultTaskView(row: ResultTask): TaskView {
  const { task_id, run_id, project, name, type, state, priority, reason, attempts, worker_id } = row;
  const { requirements, resources, timeout_ms, max_retries, dependencies } = row;
  const { started_at, ended_at } = row;
  return {
    task_id,
    run_id,
    project,
    name,
    type,
    priority,
    reason,
    attempts,
    worker_id,
    // A task that is not in memory has ended; the file says how once it has caught up.
    state: state === "open" ? "pending" : state,
    requirements,
    resources,
    timeout_ms,
    max_retries,
    dependencies,
    retry_of: row.retry_of,
    // As in memory: a task that is forgotten does not change its past.
    submitted_at: ulidTime(row.task_id),
    started_at,
    ended_at,
  };
}

export function resultAttemptView(row: ResultAttempt): AttemptView {
  const { task_id, attempt, worker_id, slot, state, assigned_at, started_at, duration_ms } = row;
  const { exit_code, signal, counts, usage, log_bytes, error } = row;
  return {
    task_id,
    attempt,
    worker_id,
    slot,
    state,
    assigned_at,
    started_at,
    duration_ms,
    exit_code,
    signal,
    counts,
    usage,
    log_bytes,
    error,
  };
}

/** The attempt that is out with a worker now. */
export function currentAttempt(task: Task, logBytes: (attempt: number) => number): AttemptView | null {
  const lease = activeLease(task);
  if (lease === null) return null;
  const { attempt, worker_id, slot, assigned_at } = lease;
  const { status } = task;
  return {
    task_id: task.spec.task_id,
    attempt,
    worker_id,
    slot,
    assigned_at,
    state: status.state === "running" ? "running" : "assigned",
    started_at: status.state === "running" ? status.started_at : null,
    duration_ms: null,
    exit_code: null,
    signal: null,
    counts: null,
    usage: null,
    log_bytes: logBytes(attempt),
    error: null,
  };
}

/** What of a payload may be shown: the environment may hold secrets, and stays out. */
export function configOf(payload: string): TaskDetail["config"] {
  const { config } = JSON.parse(payload) as { config?: Record<string, unknown> };
  return config ?? {};
}

export type Payload = TaskSpec["payload"];

/** Tasks by state over the whole yard; those that memory has forgotten are still counted by their runs. */
export function countTasks(state: State): Record<TaskView["state"], number> {
  const sum = { pending: 0, queued: 0, assigned: 0, running: 0, completed: 0, failed: 0 };
  const counts: Record<TaskView["state"], number> = {
    ...sum,
    timed_out: 0,
    cancelled: 0,
    skipped: 0,
    poisoned: 0,
  };
  for (const run of state.runs.values()) {
    for (const name of Object.keys(counts) as TaskView["state"][]) counts[name] += run.counts[name];
  }
  return counts;
}
