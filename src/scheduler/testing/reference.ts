/**
 * The planner that anyone would write first: all queued tasks in order, all workers tried on each, the core
 * itself asked whether the assignment holds, the best taken, and from the start again. Cubic, and obvious.
 */
import { holds, precedes, type Task, type Worker } from "../../core/index.ts";
import type { Placement, WorkerObservation } from "../view.ts";
import type { Yard } from "./yard.ts";

type WorkspaceOf = (task: Task) => string | null;

/** Changes the yard: what it plans is assigned. */
export function referencePlan(yard: Yard, limit: number, workspaceOf: WorkspaceOf): Placement[] {
  const placements: Placement[] = [];
  while (placements.length < limit) {
    const next = firstPlaceable(yard, workspaceOf);
    if (next === null) break;
    yard.assign(next.task_id, next.worker_id);
    placements.push(next);
  }
  return placements;
}

/** The most urgent task that some worker could take, with the best such worker. */
export function firstPlaceable(yard: Yard, workspaceOf: WorkspaceOf): Placement | null {
  const queued = [...yard.state.tasks.values()].filter(({ status }) => status.state === "queued");
  for (const task of queued.sort((a, b) => (precedes(a, b) ? -1 : 1))) {
    const { task_id } = task.spec;
    const willing = [...yard.state.workers.values()].filter(({ worker_id }) => {
      const seen = yard.observations.get(worker_id);
      return seen?.connected === true && !seen.suspect && yard.copy().assign(task_id, worker_id);
    });
    const [best] = willing.sort((a, b) =>
      compare(score(yard, task, { worker: b, workspaceOf }), score(yard, task, { worker: a, workspaceOf })),
    );
    if (best !== undefined) return { task_id, worker_id: best.worker_id };
  }
  return null;
}

interface Candidate {
  worker: Worker;
  workspaceOf: WorkspaceOf;
}

/** Larger is better, the first number before the second; equal workers keep their order. */
function score(yard: Yard, task: Task, { worker, workspaceOf }: Candidate): number[] {
  const seen: WorkerObservation | undefined = yard.observations.get(worker.worker_id);
  const preferences = task.class.requirements.preferences ?? [];
  const weight = preferences.filter((one) => holds(one, worker)).reduce((sum, one) => sum + one.weight, 0);
  const workspace = workspaceOf(task);
  const isWarm = workspace !== null && seen?.warm?.has(workspace) === true;
  return [weight, isWarm ? 1 : 0, worker.freeSlots.length / worker.slots, -(seen?.load?.cpu ?? 0)];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (Math.abs(difference) > 1e-12) return difference;
  }
  return 0;
}
