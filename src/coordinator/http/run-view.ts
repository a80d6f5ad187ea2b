import { openCount, type Run, type State } from "../../core/index.ts";
import type { RunView } from "../../protocol/index.ts";
import type { ResultRun } from "../../results/index.ts";

export function runView(run: Run): RunView {
  const { run_id, project, run_key, name, opened_at, total, counts } = run;
  return { run_id, project, run_key, name, opened_at, total, counts: { ...counts }, open: openCount(run) };
}

/** Runs come in the order in which they were opened, so the newest are the last. */
export function newestRuns(state: State, slice: { limit: number; before?: string | null }): RunView[] {
  const found: Run[] = [];
  for (const run of state.runs.values()) {
    if (slice.before != null && run.run_id >= slice.before) continue;
    found.push(run);
  }
  found.sort((a, b) => (a.run_id < b.run_id ? 1 : -1));
  return found.slice(0, slice.limit).map(runView);
}

/** A run that memory has forgotten: nothing of it is open. */
export function resultRunView({
  run_id,
  project,
  run_key,
  name,
  opened_at,
  total,
  counts,
}: ResultRun): RunView {
  const { open, ...ended } = counts;
  const none = { pending: 0, queued: 0, assigned: 0, running: 0, poisoned: 0 };
  return { run_id, project, run_key, name, opened_at, total, counts: { ...none, ...ended }, open };
}
