/**
 * Can it: which workers could ever run a class of tasks, and which have room for one now.
 *
 * The first question has one answer per (class, incarnation of a worker), because neither changes: it is
 * asked once and remembered weakly on the two objects. The second changes with every placement of a pass,
 * so a pass works on a `Room` per worker, a copy of the few numbers that placements take from.
 */
import { devicesFor, holds, isAvailable, scopedKey, shortfalls } from "../core/index.ts";
import type { Shortfall, State, Task, TaskClass, Worker } from "../core/index.ts";
import type { WorkerObservation } from "./view.ts";

/** Sum of the weights of the preferences that hold, or null where the class can never run. */
export type Fits = (taskClass: TaskClass, worker: Worker) => number | null;

export function createFits(): Fits {
  const known = new WeakMap<TaskClass, WeakMap<Worker, number | null>>();
  return (taskClass, worker) => {
    let ofClass = known.get(taskClass);
    if (ofClass === undefined) known.set(taskClass, (ofClass = new WeakMap()));
    let fit = ofClass.get(worker);
    if (fit === undefined) ofClass.set(worker, (fit = fitOf(taskClass, worker)));
    return fit;
  };
}

function fitOf({ requirements, resources }: TaskClass, worker: Worker): number | null {
  if (shortfalls(requirements, resources, worker).length > 0) return null;
  let sum = 0;
  for (const preference of requirements.preferences ?? []) {
    if (holds(preference, worker)) sum += preference.weight;
  }
  return sum;
}

/** Why the worker takes no new task, whatever it asks for; null when it does. */
export function unavailability(worker: Worker, seen: WorkerObservation | undefined): string | null {
  if (worker.status.state === "lost") return `lost: ${worker.status.reason}`;
  if (worker.cordoned !== null) return `cordoned: ${worker.cordoned.reason}`;
  if (seen === undefined || !seen.connected) return "not connected";
  return seen.suspect ? "suspect: it has been silent for too long" : null;
}

/** What a worker has left, counted down as the pass places tasks. */
export interface Room {
  readonly worker: Worker;
  readonly order: number;
  readonly cpuLoad: number;
  readonly warm: ReadonlySet<string> | undefined;
  freeSlots: number;
  freeCpuMilli: number;
  freeMemoryMb: number;
  /** Tasks it holds, those of this pass included. */
  holding: number;
  /** Runs, or was given, a task that tolerates no other. */
  isClosed: boolean;
  /** Its devices, as a copy that the pass takes from; null where it has none. */
  devices: Worker | null;
}

export function roomOf(worker: Worker, seen: WorkerObservation | undefined, order: number): Room {
  return {
    worker,
    order,
    cpuLoad: seen?.load?.cpu ?? 0,
    warm: seen?.warm,
    freeSlots: worker.freeSlots.length,
    freeCpuMilli: worker.freeCpuMilli,
    freeMemoryMb: worker.freeMemoryMb,
    holding: worker.held.size,
    isClosed: worker.exclusive !== null,
    devices: worker.freeGpus.size === 0 ? null : { ...worker, freeGpus: new Set(worker.freeGpus) },
  };
}

/** Workers that would take a task now, each with what it has left. */
export function openRooms(state: State, observations: ReadonlyMap<string, WorkerObservation>): Room[] {
  const rooms: Room[] = [];
  let order = 0;
  for (const worker of state.workers.values()) {
    order += 1;
    if (worker.freeSlots.length === 0 || !isAvailable(worker)) continue;
    const seen = observations.get(worker.worker_id);
    if (unavailability(worker, seen) === null) rooms.push(roomOf(worker, seen, order));
  }
  return rooms;
}

/** Once false for a class, it stays false for the rest of the pass: rooms only shrink. */
export function hasRoom(room: Room, taskClass: TaskClass): boolean {
  const { resources, requirements } = taskClass;
  if (room.freeSlots === 0 || room.isClosed) return false;
  if (room.freeCpuMilli < resources.cpu_milli || room.freeMemoryMb < resources.memory_mb) return false;
  if (requirements.exclusive === true && room.holding > 0) return false;
  return resources.gpu === 0 || freeDevices(room, taskClass) !== null;
}

/** The devices that `decide` would choose after the placements made so far. */
function freeDevices(room: Room, taskClass: TaskClass): number[] | null {
  return room.devices === null ? null : devicesFor(room.devices, { class: taskClass });
}

export function occupy(room: Room, { class: taskClass }: Task): void {
  const { resources, requirements } = taskClass;
  room.freeSlots -= 1;
  room.holding += 1;
  room.freeCpuMilli -= resources.cpu_milli;
  room.freeMemoryMb -= resources.memory_mb;
  if (requirements.exclusive === true) room.isClosed = true;
  if (resources.gpu > 0) {
    for (const index of freeDevices(room, taskClass) ?? []) room.devices?.freeGpus.delete(index);
  }
}

/** What stands in the way of a class that fits, in words. Empty exactly when `hasRoom`. */
export function roomShortfalls(room: Room, taskClass: TaskClass): Shortfall[] {
  const { resources, requirements } = taskClass;
  const { worker } = room;
  const found: Shortfall[] = [];
  const miss = (requirement: string, asked: string, has: string) => found.push({ requirement, asked, has });
  if (room.isClosed) miss("quiet host", "no exclusive task there", `runs ${worker.exclusive ?? "one"}`);
  if (room.freeSlots === 0) miss("slot", "a free slot", `0 of ${worker.slots} free`);
  if (room.freeCpuMilli < resources.cpu_milli) {
    miss("cpu", `${resources.cpu_milli / 1000} cores free`, `${room.freeCpuMilli / 1000} cores free`);
  }
  if (room.freeMemoryMb < resources.memory_mb) {
    miss("memory", `${resources.memory_mb} MB free`, `${room.freeMemoryMb} MB free`);
  }
  if (requirements.exclusive === true && room.holding > 0) {
    miss("exclusive", "a host that runs nothing else", `runs ${room.holding}`);
  }
  if (resources.gpu > 0 && freeDevices(room, taskClass) === null) {
    miss("gpu", `${resources.gpu} fitting GPU free`, `${worker.freeGpus.size} of any kind free`);
  }
  return found;
}

/** The task that holds the concurrency key this one needs, if any does. */
export function keyHolder(state: State, task: Task): string | null {
  const key = scopedKey(task);
  return key === null ? null : (state.concurrencyKeys.get(key) ?? null);
}
