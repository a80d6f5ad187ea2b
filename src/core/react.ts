/**
 * What must leave the process once an event is committed, and (`resume`) what a leader that starts or a
 * worker that comes back still has to be told. An effect is never the only record of an intent.
 */
import type { Event } from "./event.ts";
import type { TaskId, WorkerId } from "./ids.ts";
import { activeLease, type State } from "./state.ts";
import type { Lease, TaskSpec } from "./task.ts";

export type Effect =
  | { kind: "send_assign"; worker_id: WorkerId; spec: TaskSpec; lease: Lease }
  | { kind: "send_cancel"; worker_id: WorkerId; task_id: TaskId; attempt: number; reason: string }
  | { kind: "close_worker"; worker_id: WorkerId; incarnation: string; reason: string };

export function react(event: Event, state: State): Effect[] {
  switch (event.type) {
    case "AttemptAssigned": {
      const task = state.tasks.get(event.task_id);
      if (task === undefined) return [];
      return [{ kind: "send_assign", worker_id: event.lease.worker_id, spec: task.spec, lease: event.lease }];
    }
    case "TaskCancelled": {
      if (event.lease === null) return [];
      const { worker_id, attempt } = event.lease;
      return [{ kind: "send_cancel", worker_id, task_id: event.task_id, attempt, reason: event.reason }];
    }
    case "WorkerLost": {
      const { worker_id, incarnation, reason } = event;
      return [{ kind: "close_worker", worker_id, incarnation, reason }];
    }
    default:
      return [];
  }
}

/** What a worker must be told when it (re)connects, given what it says it holds. */
export function resume(
  state: State,
  workerId: WorkerId,
  inventory: readonly { task_id: TaskId; attempt: number }[],
): Effect[] {
  const worker = state.workers.get(workerId);
  if (worker === undefined) return [];
  const has = new Set(inventory.map(({ task_id, attempt }) => `${task_id}/${attempt}`));
  const effects: Effect[] = [];
  for (const [taskId, { lease }] of worker.held) {
    const task = state.tasks.get(taskId);
    const isOut = task !== undefined && activeLease(task)?.attempt === lease.attempt;
    const known = has.delete(`${taskId}/${lease.attempt}`);
    if (isOut && !known) effects.push({ kind: "send_assign", worker_id: workerId, spec: task.spec, lease });
    if (!isOut && known) effects.push(cancel(workerId, taskId, lease.attempt));
  }
  for (const key of has) {
    const [taskId = "", attempt = "0"] = key.split("/");
    effects.push(cancel(workerId, taskId, Number(attempt)));
  }
  return effects;
}

function cancel(worker_id: WorkerId, task_id: TaskId, attempt: number): Effect {
  return {
    kind: "send_cancel",
    worker_id,
    task_id,
    attempt,
    reason: "the attempt is not the current one any more",
  };
}
