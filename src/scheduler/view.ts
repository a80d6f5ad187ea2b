/** What a scheduler sees, and what it answers: the port that every version of it stands behind. */
import type { Shortfall, State, Task, TaskId, TaskState, WorkerId } from "../core/index.ts";

/** What the leader knows of a worker at this moment and the log does not. */
export interface WorkerObservation {
  connected: boolean;
  suspect: boolean;
  load?: { cpu: number; memory_free_mb: number };
  /** Tree hashes of warm workspaces. */
  warm?: ReadonlySet<string>;
}

export interface SchedulerView {
  state: State;
  /** A worker that is missing here is not connected. */
  observations: ReadonlyMap<WorkerId, WorkerObservation>;
  /** Milliseconds since 1970. */
  now: number;
}

export interface Placement {
  task_id: TaskId;
  worker_id: WorkerId;
}

/** `busy` would fit with more room, `not_available` takes no task from anybody, `does_not_fit` never will. */
export type Verdict = "fits" | "busy" | "not_available" | "does_not_fit";

export interface WorkerVerdict {
  worker_id: WorkerId;
  verdict: Verdict;
  reasons: Shortfall[];
}

export interface Explanation {
  task_id: TaskId;
  state: TaskState;
  /** One sentence. */
  summary: string;
  /** In the order of the workers; empty for a task that waits for no worker any more. */
  workers: WorkerVerdict[];
}

export interface Scheduler {
  /**
   * At most `limit` placements, in the order in which they are to be made: each is feasible on the state as
   * given, and all are together (slots, amounts, exclusive hosts, concurrency keys, devices by index). Work
   * conserving: below the limit, no queued task is left that an available worker still had room for. Never
   * changes the state.
   */
  plan(view: SchedulerView, options: { limit: number }): Placement[];
  /** Why a task waits; null when the state does not hold it. */
  explain(view: SchedulerView, taskId: TaskId): Explanation | null;
}

export interface SchedulerOptions {
  /** Tree hash of the workspace that a task runs in. The core never opens payloads, so who can, says it. */
  workspaceOf?: (task: Task) => string | null;
}
