/** Decisions about workers: who is here, what an assignment may claim, and what a loss costs. */
import type {
  AssignTask,
  CordonWorker,
  HeldAttempt,
  LoseWorker,
  RegisterWorker,
  UncordonWorker,
} from "./command.ts";
import { loseAttempt } from "./decide-attempt.ts";
import { accept, reject, type Decision } from "./decision.ts";
import type { Event } from "./event.ts";
import { scopedKey } from "./evolve-worker.ts";
import { gpuFits, shortfalls } from "./requirements.ts";
import { activeLease, isAvailable, type State, type Task, type Worker } from "./state.ts";

/**
 * A hello. The same incarnation comes back with an inventory: what it does not know was lost on the way, what
 * it runs goes on. A new incarnation starts empty, whatever the former one held.
 */
export function registerWorker(state: State, command: RegisterWorker, now: number): Decision {
  const { worker_id, incarnation, slots, labels, capabilities, hw_class } = command;
  const known = state.workers.get(worker_id);
  if (known?.status.state === "online" && known.incarnation === incarnation) {
    return accept(reconcile(state, known, command.inventory, now));
  }
  const goodbye =
    known?.status.state === "online"
      ? workerGone(state, known, { reason: "the worker process was started anew", now })
      : [];
  return accept([
    ...goodbye,
    { type: "WorkerRegistered", v: 1, worker_id, incarnation, slots, labels, capabilities, hw_class },
  ]);
}

/** Assigned attempts stay: they are sent again. Running ones that the worker has forgotten are lost. */
function reconcile(state: State, worker: Worker, inventory: readonly HeldAttempt[], now: number): Event[] {
  const has = new Set(inventory.map(({ task_id, attempt }) => `${task_id}/${attempt}`));
  const events: Event[] = [];
  const lost: Task[] = [];
  for (const [taskId, { lease }] of worker.held) {
    if (has.has(`${taskId}/${lease.attempt}`)) continue;
    const task = state.tasks.get(taskId);
    const isOut = task !== undefined && activeLease(task)?.worker_id === worker.worker_id;
    if (!isOut) {
      const { worker_id } = worker;
      events.push({ type: "AttemptReleased", v: 1, task_id: taskId, attempt: lease.attempt, worker_id });
    } else if (task.status.state === "running") {
      lost.push(task);
    }
  }
  return [...events, ...loseAttempts(lost, { reason: "the worker does not know the attempt any more", now })];
}

export function loseWorker(state: State, command: LoseWorker, now: number): Decision {
  const worker = state.workers.get(command.worker_id);
  if (worker === undefined) return reject("worker_unknown", `no worker ${command.worker_id}`);
  if (worker.incarnation !== command.incarnation || worker.status.state === "lost") {
    return reject("stale_incarnation", `that incarnation of ${command.worker_id} is gone already`);
  }
  return accept(workerGone(state, worker, { reason: command.reason, now }));
}

function workerGone(state: State, worker: Worker, how: { reason: string; now: number }): Event[] {
  const held = [...worker.held.keys()].flatMap((taskId) => state.tasks.get(taskId) ?? []);
  const lost = held.filter((task) => activeLease(task)?.worker_id === worker.worker_id);
  const { worker_id, incarnation } = worker;
  return [
    ...loseAttempts(lost, how),
    { type: "WorkerLost", v: 1, worker_id, incarnation, reason: how.reason },
  ];
}

/** Two lost attempts may fail tasks with a common dependant: it is skipped once. */
function loseAttempts(tasks: readonly Task[], how: { reason: string; now: number }): Event[] {
  const skipped = new Set<string>();
  return tasks
    .flatMap((task) => loseAttempt(task, how.reason, how.now))
    .filter((event) => {
      if (event.type !== "TaskSkipped") return true;
      const isFirst = !skipped.has(event.task_id);
      skipped.add(event.task_id);
      return isFirst;
    });
}

/** A proposal of the scheduler, checked against the state as it is now. */
export function assignTask(state: State, command: AssignTask, now: number): Decision {
  const task = state.tasks.get(command.task_id);
  if (task === undefined) return reject("task_unknown", `no task ${command.task_id}`);
  if (task.status.state !== "queued")
    return reject("task_not_queued", `task ${command.task_id} is not queued`);
  const worker = state.workers.get(command.worker_id);
  if (worker === undefined) return reject("worker_unknown", `no worker ${command.worker_id}`);
  const slot = worker.freeSlots.at(-1);
  if (slot === undefined || !isAvailable(worker)) {
    return reject("worker_not_available", `worker ${command.worker_id} takes no task now`);
  }
  const gpus = devicesFor(worker, task);
  if (gpus === null || !hasRoom(state, worker, task)) {
    return reject("worker_does_not_fit", `task ${command.task_id} does not fit on ${command.worker_id} now`);
  }
  const { worker_id, incarnation } = worker;
  const lease = { attempt: task.attempts + 1, worker_id, incarnation, slot, gpus, assigned_at: now };
  return accept([{ type: "AttemptAssigned", v: 1, task_id: command.task_id, lease }]);
}

/** The devices that the task would get, lowest index first; null when too few fit. */
export function devicesFor(worker: Worker, task: Pick<Task, "class">): number[] | null {
  const { requirements, resources } = task.class;
  if (resources.gpu === 0) return [];
  const fitting = worker.capabilities.gpus
    .filter((gpu) => worker.freeGpus.has(gpu.index) && gpuFits(requirements, gpu))
    .map((gpu) => gpu.index);
  return fitting.length < resources.gpu ? null : fitting.slice(0, resources.gpu);
}

function hasRoom(state: State, worker: Worker, task: Task): boolean {
  const { requirements, resources } = task.class;
  if (shortfalls(requirements, resources, worker).length > 0) return false;
  if (worker.freeCpuMilli < resources.cpu_milli || worker.freeMemoryMb < resources.memory_mb) return false;
  if (requirements.exclusive === true && worker.held.size > 0) return false;
  const key = scopedKey(task);
  return key === null || !state.concurrencyKeys.has(key);
}

export function cordonWorker(state: State, command: CordonWorker): Decision {
  const worker = state.workers.get(command.worker_id);
  if (worker === undefined) return reject("worker_unknown", `no worker ${command.worker_id}`);
  const { worker_id, by, reason } = command;
  if (worker.cordoned?.by === by && worker.cordoned.reason === reason) return accept([]);
  return accept([{ type: "WorkerCordoned", v: 1, worker_id, by, reason }]);
}

export function uncordonWorker(state: State, command: UncordonWorker): Decision {
  const worker = state.workers.get(command.worker_id);
  if (worker === undefined) return reject("worker_unknown", `no worker ${command.worker_id}`);
  if (worker.cordoned === null) return accept([]);
  return accept([{ type: "WorkerUncordoned", v: 1, worker_id: command.worker_id }]);
}
