/** Runs as the API shows them: from memory while the state holds them, from the results afterwards. */
import { currentEnd, openCount, runState, type EndedRun, type Run, type State } from "../../core/index.ts";
import type { RunView } from "../../protocol/index.ts";
import type { ResultRun } from "../../results/index.ts";

export function runView(state: State, run: Run): RunView {
  const { run_id, project, run_key, name, opened_at, total } = run;
  const [counts, superseded] = [{ ...run.counts }, { ...run.superseded }];
  const ended_at = currentEnd(state, run)?.at ?? null;
  const now = { open: openCount(run), ended_at, superseded, state: runState(run) };
  return { run_id, project, run_key, name, opened_at, total, counts, ...now };
}

export interface RunFilter {
  project?: string;
  /** Part of the name. */
  name?: string;
}

export interface RunSlice {
  limit: number;
  before?: string | null;
}

/** Runs come in the order in which they were opened, so the newest are the last. */
export function newestRuns(state: State, slice: RunSlice, { project, name }: RunFilter = {}): RunView[] {
  const found: Run[] = [];
  for (const run of state.runs.values()) {
    if (slice.before != null && run.run_id >= slice.before) continue;
    if (project !== undefined && run.project !== project) continue;
    if (name === undefined || run.name.includes(name)) found.push(run);
  }
  found.sort(byNewest);
  return found.slice(0, slice.limit).map((run) => runView(state, run));
}

export function byNewest(a: { run_id: string }, b: { run_id: string }): number {
  return a.run_id < b.run_id ? 1 : -1;
}

/** A run as it was at its end, whatever became of it since. */
export function endedRunView(run: EndedRun): RunView {
  const { run_id, project, run_key, name, opened_at, total, superseded, at: ended_at } = run;
  const counts = { pending: 0, queued: 0, assigned: 0, running: 0, poisoned: 0, ...run.counts };
  const named = { run_id, project, run_key, name, opened_at };
  return { ...named, total, counts, open: 0, ended_at, superseded, state: run.verdict };
}

/** A run that memory has forgotten: nothing of it is open. */
export function resultRunView(run: ResultRun): RunView {
  const { run_id, project, run_key, name, opened_at, total, superseded } = run;
  const { open, ...ended } = run.counts;
  const counts = { pending: open, queued: 0, assigned: 0, running: 0, poisoned: 0, ...ended };
  const state = runState({ total, counts, superseded });
  const ended_at = open > 0 ? null : run.ended_at;
  return { run_id, project, run_key, name, opened_at, total, counts, open, ended_at, superseded, state };
}
