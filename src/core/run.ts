/** Runs: a name for a set of tasks that belong together, and the count of their states. */
import type { RunOpened } from "./event.ts";
import type { Run, State } from "./state.ts";
import type { EndState, TaskState } from "./task.ts";

export function noCounts(): Record<TaskState, number> {
  return {
    pending: 0,
    queued: 0,
    assigned: 0,
    running: 0,
    completed: 0,
    failed: 0,
    timed_out: 0,
    cancelled: 0,
    skipped: 0,
    poisoned: 0,
  };
}

export function noEnds(): Record<EndState, number> {
  return { completed: 0, failed: 0, timed_out: 0, cancelled: 0, skipped: 0 };
}

const RUN_LIFETIME_MS = 24 * 3600 * 1000;
const RUN_LIMIT = 100_000;

export function openRun(state: State, event: RunOpened): void {
  forgetOldRuns(state);
  state.runs.set(event.run_id, emptyRun(event, state.at));
  if (event.run_key !== null) state.runKeys.set(`${event.project}/${event.run_key}`, event.run_id);
}

/** A run as it is before its first task. */
export function emptyRun(
  { run_id, project, run_key, name }: Pick<Run, "run_id" | "project" | "run_key" | "name">,
  opened_at: number,
): Run {
  const none = { counts: noCounts(), superseded: noEnds(), total: 0, remembered: 0 };
  return { run_id, project, run_key, name, opened_at, ...none };
}

/** Runs whose tasks all left memory go a day later, or when there are too many; results answer for them. */
function forgetOldRuns(state: State): void {
  for (const run of state.runs.values()) {
    if (state.runs.size < RUN_LIMIT && run.opened_at >= state.at - RUN_LIFETIME_MS) return;
    if (run.remembered > 0 || openCount(run) > 0) continue;
    state.runs.delete(run.run_id);
    state.runEnds.delete(run.run_id);
    state.runWebhooks.delete(run.run_id);
    if (run.run_key !== null) state.runKeys.delete(`${run.project}/${run.run_key}`);
  }
}

/** Tasks that can still change. */
export function openCount(run: Pick<Run, "counts">): number {
  const { pending, queued, assigned, running, poisoned } = run.counts;
  return pending + queued + assigned + running + poisoned;
}

export type RunVerdict = "passed" | "failed" | "cancelled";
export type RunState = "open" | RunVerdict;

/**
 * What a run amounts to by how its tasks ended. Of a task and its retries the newest counts. A skip follows
 * from something else: it says failed unless what it followed from was a cancel.
 */
export function verdictOf(ends: Record<EndState, number>, superseded: Record<EndState, number>): RunVerdict {
  const left = (state: EndState): number => ends[state] - superseded[state];
  if (left("failed") + left("timed_out") > 0) return "failed";
  if (left("cancelled") > 0) return "cancelled";
  return left("skipped") > 0 ? "failed" : "passed";
}

export function runState(run: Pick<Run, "total" | "counts" | "superseded">): RunState {
  return run.total === 0 || openCount(run) > 0 ? "open" : verdictOf(run.counts, run.superseded);
}
