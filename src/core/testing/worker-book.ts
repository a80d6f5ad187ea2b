/** What the history says of the workers: who holds what, so that nothing is given twice. */
import type { WorkerRegistered } from "../event.ts";
import type { Lease, TaskSpec } from "../task.ts";

/** Throws, naming the rule, unless it is kept. */
export type Must = (isKept: unknown, rule: string) => void;

interface Entry {
  readonly offer: WorkerRegistered;
  readonly held: Map<string, { spec: TaskSpec; lease: Lease }>;
}

export class WorkerBook {
  readonly #entries = new Map<string, Entry>();

  register(offer: WorkerRegistered): void {
    this.#entries.set(offer.worker_id, { offer, held: new Map() });
  }

  lose(workerId: string): void {
    this.#entries.delete(workerId);
  }

  free(workerId: string, taskId: string): void {
    this.#entries.get(workerId)?.held.delete(taskId);
  }

  take(spec: TaskSpec, lease: Lease, must: Must): void {
    const entry = this.#entries.get(lease.worker_id);
    must(entry?.offer.incarnation === lease.incarnation, "an attempt goes to a worker that is here");
    if (entry === undefined) return;
    const key = keyOf(spec);
    must(key === null || !this.#inUse(key), "a concurrency key has one holder");
    entry.held.set(spec.task_id, { spec, lease });
    checkCapacity(entry, must);
  }

  #inUse(key: string): boolean {
    return [...this.#entries.values()].some(({ held }) =>
      [...held.values()].some(({ spec }) => keyOf(spec) === key),
    );
  }
}

function keyOf({ project, requirements }: TaskSpec): string | null {
  return requirements.concurrency_key === undefined ? null : `${project}/${requirements.concurrency_key}`;
}

function checkCapacity({ offer, held }: Entry, must: Must): void {
  const all = [...held.values()];
  const slots = all.map(({ lease }) => lease.slot);
  const inRange = slots.every((slot) => slot >= 0 && slot < offer.slots);
  must(inRange && new Set(slots).size === slots.length, "a slot has one task");
  const gpus = all.flatMap(({ lease }) => lease.gpus);
  const there = gpus.every((index) => offer.capabilities.gpus.some((gpu) => gpu.index === index));
  must(there && new Set(gpus).size === gpus.length, "a device has one task");
  must(
    all.every(({ spec, lease }) => spec.resources.gpu === lease.gpus.length),
    "a task gets the devices it asked for",
  );
  const sum = (pick: (spec: TaskSpec) => number) => all.reduce((total, { spec }) => total + pick(spec), 0);
  const { cpu, memory_mb } = offer.capabilities;
  must(sum((spec) => spec.resources.cpu_milli) <= cpu.logical_cores * 1000, "cores are not given twice");
  must(sum((spec) => spec.resources.memory_mb) <= memory_mb, "memory is not given twice");
  must(
    all.length === 1 || all.every(({ spec }) => spec.requirements.exclusive !== true),
    "an exclusive task is alone",
  );
}
