/**
 * Why a task waits: a verdict for each worker, and one sentence for people.
 *
 * The verdict says the most lasting reason first: what can never fit is not called busy, and what is away
 * is not called full. The sentence names the nearest worker, the one that misses least, because that is
 * what one would change.
 */
import { isAvailable, shortfalls } from "../core/index.ts";
import type { Shortfall, State, Task, TaskId, Worker } from "../core/index.ts";
import { keyHolder, roomOf, roomShortfalls, unavailability } from "./feasibility.ts";
import { summarise } from "./summary.ts";
import type { Explanation, SchedulerView, WorkerObservation, WorkerVerdict } from "./view.ts";

export function explain(view: SchedulerView, taskId: TaskId): Explanation | null {
  const task = view.state.tasks.get(taskId);
  if (task === undefined) return null;
  const { state } = task.status;
  const waits = state === "pending" || state === "queued" || state === "poisoned";
  const workers = waits ? verdicts(view, task) : [];
  return { task_id: taskId, state, summary: summarise(view, task, workers), workers };
}

function verdicts({ state, observations }: SchedulerView, task: Task): WorkerVerdict[] {
  return [...state.workers.values()].map((worker) =>
    verdictOf(state, task, { worker, seen: observations.get(worker.worker_id) }),
  );
}

function verdictOf(
  state: State,
  task: Task,
  { worker, seen }: { worker: Worker; seen: WorkerObservation | undefined },
): WorkerVerdict {
  const { worker_id } = worker;
  const { requirements, resources } = task.class;
  const missing = shortfalls(requirements, resources, worker);
  if (missing.length > 0) return { worker_id, verdict: "does_not_fit", reasons: missing };
  const away = unavailability(worker, seen);
  if (away !== null) {
    return {
      worker_id,
      verdict: "not_available",
      reasons: [{ requirement: "worker", asked: "available", has: away }],
    };
  }
  const reasons = [...roomShortfalls(roomOf(worker, seen, 0), task.class), ...keyShortfalls(state, task)];
  return { worker_id, verdict: reasons.length > 0 || !isAvailable(worker) ? "busy" : "fits", reasons };
}

function keyShortfalls(state: State, task: Task): Shortfall[] {
  const holder = keyHolder(state, task);
  if (holder === null) return [];
  const asked = `${task.spec.requirements.concurrency_key} free`;
  return [{ requirement: "concurrency_key", asked, has: `held by ${holder}` }];
}
