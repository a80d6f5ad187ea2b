/**
 * The end of a run, as one fact that webhooks, traces and reports hang on.
 *
 * A run has ended when it has tasks and none of them can change any more. That follows from the ends of its
 * tasks, so it is decided together with the last of them, in the same record. A later submission to the run
 * opens it again, and it then ends once more, with the next number: an end is known to be the newest one when
 * it counts as many tasks as the run has.
 *
 * One event for each end and nothing for each task: a decision that ends no task pays nothing, one that does
 * pays for a look at its run's counts.
 */
import { assert } from "./assert.ts";
import { accept, type Decision } from "./decision.ts";
import type { Event, RunEnded } from "./event.ts";
import type { RunId } from "./ids.ts";
import { noCounts, noEnds, openCount, verdictOf, type RunVerdict } from "./run.ts";
import type { Run, State } from "./state.ts";
import { isEndState, type EndState } from "./task.ts";
import { awaitDeliveries, overflowing } from "./webhook.ts";

export type EndCounts = Record<EndState, number>;

/** The newest end of a run. */
export interface RunEnd {
  readonly run_id: RunId;
  readonly ended: number;
  readonly total: number;
  readonly counts: EndCounts;
  readonly verdict: RunVerdict;
  readonly at: number;
}

/** The events of a decision, and after them the end of each run that they end. */
export function withRunEnds(state: State, decision: Decision): Decision {
  if (decision.kind === "rejected") return decision;
  const changes = changesOf(decision.events);
  if (changes.size === 0) return decision;
  const more = endsOf(state, changes);
  if (more.length === 0) return decision;
  return accept([...decision.events, ...more], decision.answer);
}

/**
 * As `withRunEnds`, for a new leader: the former one may have died between the last end of a task and the end
 * of its run, where these did not fit into one record.
 */
export function withOverdueRunEnds(state: State, events: readonly Event[]): Event[] {
  const changes = changesOf(events);
  for (const run_id of state.runs.keys()) if (!changes.has(run_id)) changes.set(run_id, NOTHING);
  return [...events, ...endsOf(state, changes)];
}

interface Change {
  isNewRun: boolean;
  added: number;
  ends: Partial<EndCounts>;
}

const NOTHING: Change = Object.freeze({ isNewRun: false, added: 0, ends: {} });

function changesOf(events: readonly Event[]): Map<RunId, Change> {
  const changes = new Map<RunId, Change>();
  for (const event of events) {
    switch (event.type) {
      case "AttemptFinished":
      case "AttemptLost":
        if (isEndState(event.next.state)) note(changes, event.run_id, event.next.state);
        break;
      case "TaskSkipped":
        note(changes, event.run_id, "skipped");
        break;
      case "TaskCancelled":
        note(changes, event.run_id, "cancelled");
        break;
      case "RunOpened":
        changeOf(changes, event.run_id).isNewRun = true;
        break;
      case "SubmissionOpened":
        changeOf(changes, event.run_id).added += event.count;
        break;
      default:
        break;
    }
  }
  return changes;
}

function changeOf(changes: Map<RunId, Change>, runId: RunId): Change {
  let change = changes.get(runId);
  if (change === undefined) changes.set(runId, (change = { isNewRun: false, added: 0, ends: {} }));
  return change;
}

function note(changes: Map<RunId, Change>, runId: RunId, end: EndState): void {
  const { ends } = changeOf(changes, runId);
  ends[end] = (ends[end] ?? 0) + 1;
}

function endsOf(state: State, changes: ReadonlyMap<RunId, Change>): Event[] {
  const events: Event[] = [];
  for (const [runId, change] of changes) {
    const run = state.runs.get(runId) ?? (change.isNewRun ? blankRun(runId) : undefined);
    if (run === undefined) continue;
    const end = endAfter(state, run, change);
    if (end !== null) events.push(end);
  }
  return [...events, ...overflowing(state, events.filter(isRunEnded))];
}

type Counted = Pick<Run, "run_id" | "counts" | "total" | "superseded">;

function blankRun(run_id: RunId): Counted {
  return { run_id, counts: noCounts(), total: 0, superseded: noEnds() };
}

function endAfter(state: State, run: Counted, { added, ends }: Change): RunEnded | null {
  const ended = Object.values(ends).reduce((sum, count) => sum + count, 0);
  const total = run.total + added;
  if (total === 0 || openCount(run) + added !== ended) return null;
  const before = state.runEnds.get(run.run_id);
  if (before?.total === total) return null;
  const counts = { ...NO_ENDS };
  for (const name of END_NAMES) counts[name] = run.counts[name] + (ends[name] ?? 0);
  const number = (before?.ended ?? 0) + 1;
  const { run_id } = run;
  const verdict = verdictOf(counts, run.superseded);
  return { type: "RunEnded", v: 1, run_id, ended: number, total, counts, verdict };
}

const NO_ENDS: EndCounts = { completed: 0, failed: 0, timed_out: 0, cancelled: 0, skipped: 0 };
const END_NAMES = Object.keys(NO_ENDS) as EndState[];

function isRunEnded(event: Event): event is RunEnded {
  return event.type === "RunEnded";
}

export function evolveRunEnded(state: State, event: RunEnded): void {
  const run = state.runs.get(event.run_id);
  assert(run !== undefined, () => `run ${event.run_id} ends, which is not open`);
  assert(openCount(run) === 0 && run.total > 0, () => `run ${event.run_id} ends when its tasks have`);
  const before = state.runEnds.get(event.run_id);
  assert(event.ended === (before?.ended ?? 0) + 1, "the ends of a run are numbered without gaps");
  const { run_id, ended, total, counts, verdict } = event;
  const end: RunEnd = { run_id, ended, total, counts, verdict, at: state.at };
  state.runEnds.set(run_id, end);
  awaitDeliveries(state, run, end);
}

/** The end that still stands: null while the run is open, or open again. */
export function currentEnd(state: State, run: Run): RunEnd | null {
  const end = state.runEnds.get(run.run_id);
  return end !== undefined && end.total === run.total ? end : null;
}

/** Between any two events. */
export function checkRunEnds(state: State): void {
  for (const [runId, end] of state.runEnds) {
    const run = state.runs.get(runId);
    assert(run !== undefined, () => `run ${runId} has an end and is open`);
    assert(end.total <= run.total, () => `run ${runId} ended with more tasks than it has`);
    if (end.total < run.total) continue;
    assert(openCount(run) === 0, () => `run ${runId} has ended and has open tasks`);
    for (const name of END_NAMES)
      assert(end.counts[name] === run.counts[name], () => `the end of run ${runId} miscounts ${name}`);
  }
}

/** Once all consequences of a command are folded. */
export function checkRunsEnded(state: State): void {
  for (const run of state.runs.values()) {
    if (run.total === 0 || openCount(run) > 0) continue;
    assert(currentEnd(state, run) !== null, () => `the end of run ${run.run_id} is missing`);
  }
}
