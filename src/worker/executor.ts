/** What the agent asks of whatever carries attempts out: real processes, or the simulation's. */
import type { AttemptResult } from "../core/index.ts";
import type { Assignment } from "../protocol/index.ts";

export interface RunningAttempt {
  /** Never rejects: what goes wrong is an outcome. */
  readonly done: Promise<AttemptResult>;
  /** Ends the whole process tree: SIGTERM, a grace period, SIGKILL. `done` then resolves as cancelled. */
  cancel(reason: string): void;
}

export interface Executor {
  /** @param onStarted called once the attempt really runs (its process is up) */
  start(assignment: Assignment, onStarted: () => void): RunningAttempt;
  /** Ends everything at once, for a worker that must not outlive its lease or is stopped. */
  close(): Promise<void>;
}
