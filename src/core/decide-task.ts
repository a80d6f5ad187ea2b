/** Decisions about a task as a whole: cancel, release, retry times, and what follows from an end. */
import type { CancelTask, ReleaseTask } from "./command.ts";
import { accept, reject, type Decision } from "./decision.ts";
import type { Event } from "./event.ts";
import { activeLease, type State, type Task } from "./state.ts";
import { hasEnded, type EndState } from "./task.ts";

export function cancelTask(state: State, command: CancelTask): Decision {
  const task = state.tasks.get(command.task_id);
  if (task === undefined) return reject("task_unknown", `no task ${command.task_id}`);
  if (hasEnded(task.status)) {
    const details = { state: task.status.state };
    return reject("task_ended", `task ${command.task_id} has ended as ${task.status.state}`, details);
  }
  const { task_id, run_id } = task.spec;
  const lease = activeLease(task);
  const cancelled: Event = { type: "TaskCancelled", v: 1, task_id, run_id, reason: command.reason, lease };
  return accept([cancelled, ...skipDependants(task, "cancelled")]);
}

export function releaseTask(state: State, command: ReleaseTask): Decision {
  const task = state.tasks.get(command.task_id);
  if (task === undefined) return reject("task_unknown", `no task ${command.task_id}`);
  if (task.status.state !== "poisoned") {
    return reject("task_not_poisoned", `task ${command.task_id} is ${task.status.state}, not poisoned`);
  }
  const { task_id, run_id } = task.spec;
  return accept([{ type: "TaskReleased", v: 1, task_id, run_id, reason: command.reason }]);
}

/** Everything that waits for a task which ended without success, near and far, each once. */
export function skipDependants(task: Task, state: EndState): Event[] {
  const events: Event[] = [];
  const seen = new Set<Task>();
  const front: { task: Task; state: EndState }[] = [{ task, state }];
  for (const cause of front) {
    const because = { task_id: cause.task.spec.task_id, state: cause.state };
    for (const dependant of cause.task.dependants ?? []) {
      if (seen.has(dependant) || hasEnded(dependant.status)) continue;
      seen.add(dependant);
      const { task_id, run_id } = dependant.spec;
      events.push({ type: "TaskSkipped", v: 1, task_id, run_id, because });
      front.push({ task: dependant, state: "skipped" });
    }
  }
  return events;
}

/**
 * A decision may fill several records, and its leader may die between two of them: a task has then ended and
 * some of its dependants still wait. The next leader does what is left to do.
 */
export function overdueSkips(state: State): Event[] {
  const events: Event[] = [];
  const seen = new Set<string>();
  for (const task of state.tasks.values()) {
    const { status, spec } = task;
    if (status.state !== "pending" || status.waits_for !== "dependencies" || seen.has(spec.task_id)) continue;
    const because = deadDependency(state, task);
    if (because === null) continue;
    const { task_id, run_id } = spec;
    events.push({ type: "TaskSkipped", v: 1, task_id, run_id, because });
    seen.add(task_id);
    for (const event of skipDependants(task, "skipped")) {
      if (event.type !== "TaskSkipped" || seen.has(event.task_id)) continue;
      seen.add(event.task_id);
      events.push(event);
    }
  }
  return events;
}

function deadDependency(state: State, task: Task): { task_id: string; state: EndState } | null {
  for (const task_id of task.spec.dependencies) {
    const status = state.tasks.get(task_id)?.status;
    if (status === undefined || !hasEnded(status) || status.state === "completed") continue;
    return { task_id, state: status.state };
  }
  return null;
}

const RETRIES_PER_EVENT = 1_000;

export function dueRetries(state: State, now: number): Event[] {
  if (state.nextRetryAt > now) return [];
  // Sorted, because a state from a snapshot lists them in another order than the one that goes on.
  const due = [...state.retrying]
    .filter(
      ({ status }) => status.state === "pending" && status.waits_for === "retry" && status.retry_at <= now,
    )
    .sort((a, b) => a.seq - b.seq)
    .map(({ spec }) => spec.task_id);
  return inParts(due, RETRIES_PER_EVENT).map((task_ids) => ({ type: "RetriesDue", v: 1, task_ids }));
}

const FORGOTTEN_PER_EVENT = 1_000;

/** Proposals may be late: only what is there and has ended is forgotten. */
export function forgettable(state: State, ids: readonly string[]): Event[] {
  const ended = [...new Set(ids)].filter((id) => {
    const task = state.tasks.get(id);
    return task !== undefined && hasEnded(task.status) && !isHeld(state, task);
  });
  return inParts(ended, FORGOTTEN_PER_EVENT).map((task_ids) => ({ type: "TasksForgotten", v: 1, task_ids }));
}

/** A cancelled attempt may still occupy its slot; its late result must find the task. */
function isHeld(state: State, task: Task): boolean {
  const lease = hasEnded(task.status) ? task.status.lease : null;
  if (lease === null || task.status.state !== "cancelled") return false;
  return state.workers.get(lease.worker_id)?.held.get(task.spec.task_id)?.lease.attempt === lease.attempt;
}

function inParts<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < items.length; i += size) parts.push(items.slice(i, i + size));
  return parts;
}
