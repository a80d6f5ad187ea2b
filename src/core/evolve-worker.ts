/** How the fold keeps workers: who is there, and which slots, devices and amounts are taken. */
import { assert } from "./assert.ts";
import type { WorkerRegistered } from "./event.ts";
import type { State, Task, Worker } from "./state.ts";
import type { Lease } from "./task.ts";

/** Lost workers shown to people; older ones are in the results. */
const LOST_WORKERS_KEPT = 1_000;

export function registerWorker(state: State, event: WorkerRegistered): void {
  const former = state.workers.get(event.worker_id);
  assert(former === undefined || former.held.size === 0, "a former incarnation holds nothing");
  const { capabilities } = event;
  // Taken out first: a worker that comes back stands at the end, so that the oldest lost one is in front.
  state.workers.delete(event.worker_id);
  state.workers.set(event.worker_id, {
    worker_id: event.worker_id,
    incarnation: event.incarnation,
    slots: event.slots,
    labels: event.labels,
    capabilities,
    hw_class: event.hw_class,
    registered_at: state.at,
    status: { state: "online" },
    cordoned: former?.cordoned?.by === "operator" ? former.cordoned : null,
    held: new Map(),
    freeSlots: Array.from({ length: event.slots }, (_, i) => event.slots - 1 - i),
    freeGpus: new Set(capabilities.gpus.map((gpu) => gpu.index)),
    freeCpuMilli: capabilities.cpu.logical_cores * 1000,
    freeMemoryMb: capabilities.memory_mb,
    exclusive: null,
  });
  dropOldestLost(state);
}

function dropOldestLost(state: State): void {
  if (state.workers.size <= LOST_WORKERS_KEPT) return;
  const lost = [...state.workers.values()].filter((worker) => worker.status.state === "lost");
  for (const worker of lost.slice(0, Math.max(0, lost.length - LOST_WORKERS_KEPT))) {
    state.workers.delete(worker.worker_id);
  }
}

export function claimDevices(state: State, task: Task, lease: Lease): void {
  const worker = state.workers.get(lease.worker_id);
  assert(
    worker !== undefined && worker.incarnation === lease.incarnation,
    "a lease names a worker that is here",
  );
  const { requirements, resources } = task.spec;
  takeSlot(worker, lease.slot);
  for (const index of lease.gpus) assert(worker.freeGpus.delete(index), "a device has one task");
  worker.freeCpuMilli -= resources.cpu_milli;
  worker.freeMemoryMb -= resources.memory_mb;
  assert(worker.freeCpuMilli >= 0 && worker.freeMemoryMb >= 0, "a worker is never over-committed");
  const exclusive = requirements.exclusive === true;
  if (exclusive) worker.exclusive = task.spec.task_id;
  const concurrencyKey = scopedKey(task);
  if (concurrencyKey !== null) state.concurrencyKeys.set(concurrencyKey, task.spec.task_id);
  worker.held.set(task.spec.task_id, { lease, resources, concurrencyKey, exclusive });
}

function takeSlot(worker: Worker, slot: number): void {
  const place = worker.freeSlots.lastIndexOf(slot);
  assert(place >= 0, "a slot has one task");
  worker.freeSlots.splice(place, 1);
}

export function freeLease(state: State, workerId: string, taskId: string): void {
  const worker = state.workers.get(workerId);
  const held = worker?.held.get(taskId);
  assert(worker !== undefined && held !== undefined, () => `worker ${workerId} holds task ${taskId}`);
  worker.held.delete(taskId);
  worker.freeSlots.push(held.lease.slot);
  for (const index of held.lease.gpus) worker.freeGpus.add(index);
  worker.freeCpuMilli += held.resources.cpu_milli;
  worker.freeMemoryMb += held.resources.memory_mb;
  if (worker.exclusive === taskId) worker.exclusive = null;
  const key = held.concurrencyKey;
  if (key !== null && state.concurrencyKeys.get(key) === taskId) state.concurrencyKeys.delete(key);
}

/** Concurrency keys of different projects are strangers. */
export function scopedKey(task: Task): string | null {
  const key = task.spec.requirements.concurrency_key;
  return key === undefined ? null : `${task.spec.project}/${key}`;
}
