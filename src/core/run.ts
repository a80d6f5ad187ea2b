/** Runs: a name for a set of tasks that belong together, and the count of their states. */
import type { RunOpened } from "./event.ts";
import type { Run, State } from "./state.ts";
import type { TaskState } from "./task.ts";

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

const RUN_LIFETIME_MS = 24 * 3600 * 1000;
const RUN_LIMIT = 100_000;

export function openRun(state: State, event: RunOpened): void {
  forgetOldRuns(state);
  state.runs.set(event.run_id, {
    run_id: event.run_id,
    project: event.project,
    run_key: event.run_key,
    name: event.name,
    opened_at: state.at,
    counts: noCounts(),
    total: 0,
    remembered: 0,
  });
  if (event.run_key !== null) state.runKeys.set(`${event.project}/${event.run_key}`, event.run_id);
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
export function openCount(run: Run): number {
  const { pending, queued, assigned, running, poisoned } = run.counts;
  return pending + queued + assigned + running + poisoned;
}
