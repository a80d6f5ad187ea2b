/**
 * The proof that nothing was lost and nothing counted twice, from the log alone.
 *
 * Ends are counted from the events, without the fold; the fold then says what is still open. Two ways to the
 * same answer: a defect in the one does not hide behind the other. Everything found is reported, so the first
 * problem does not end the search.
 */
import { createState, hasEnded, isEndState, openCount, type Event, type State } from "../core/index.ts";
import type { EventLog } from "./event-log.ts";
import { createChain, foldRecord, GENESIS, type Chain } from "./fold.ts";
import type { Snapshot } from "./snapshot.ts";

export interface Verification {
  /** Of sealed submissions. */
  tasks: number;
  /** Accepted attempt results. */
  results: number;
  /** Tasks that neither ended nor wait nor run. */
  lost: number;
  /** Tasks that ended more than once, or had one attempt's result accepted twice. */
  duplicated: number;
  /** Results refused because their attempt was not the current one. */
  fenced: number;
  /** Tasks that visibly wait or run. */
  open: number;
  ok: boolean;
  /** In words, the first 20. */
  problems: string[];
}

/** @param start where a truncated log is continued from; its tasks are counted too */
export async function verifyLog(log: EventLog, start?: Snapshot): Promise<Verification> {
  const { state, tip } = start ?? { state: createState(), tip: GENESIS };
  const ledger = new Ledger(state);
  const fold: Fold = { state, chain: createChain(tip, state.clusterId), ledger, intact: true };
  try {
    for await (const stored of log.read(tip.position + 1)) followRecord(fold, stored);
  } catch (error) {
    // Damage or a break in the chain: what follows is no successor of what was counted.
    ledger.note((error as Error).message);
  }
  return ledger.verdict(state);
}

interface Fold {
  state: State;
  chain: Chain;
  ledger: Ledger;
  /** False after an event that the fold refuses: from there on only the counting goes on. */
  intact: boolean;
}

function followRecord(fold: Fold, stored: Parameters<Chain["accept"]>[0]): void {
  const record = fold.chain.accept(stored);
  for (const event of record.events) fold.ledger.count(event);
  if (!fold.intact) return;
  try {
    foldRecord(fold.state, record);
  } catch (error) {
    fold.intact = false;
    fold.ledger.note(`record ${record.position} does not fold: ${(error as Error).message}`);
  }
}

interface Entry {
  run: RunTally;
  ends: number;
  attempts: number;
  /** Attempts whose result was accepted, in order. */
  accepted: number[];
}

/** Tasks of a run, and ends of tasks. */
interface RunTally {
  tasks: number;
  ends: number;
}

const PROBLEMS_SHOWN = 20;

class Ledger {
  readonly #tasks = new Map<string, Entry>();
  readonly #runs = new Map<string, RunTally>();
  readonly #unsealed = new Map<string, { run: RunTally; ids: string[] }>();
  readonly #problems: string[] = [];
  #results = 0;
  #fenced = 0;

  constructor(start: State) {
    for (const run of start.runs.values()) {
      this.#runs.set(run.run_id, { tasks: run.total, ends: run.total - openCount(run) });
    }
    for (const [id, { spec, status, attempts }] of start.tasks) {
      const run = this.#run(spec.run_id);
      this.#tasks.set(id, { run, ends: hasEnded(status) ? 1 : 0, attempts, accepted: [] });
    }
    for (const { submission_id, run_id, tasks } of start.submissions.values()) {
      this.#unsealed.set(submission_id, { run: this.#run(run_id), ids: idsOf(tasks) });
    }
  }

  note(problem: string): void {
    this.#problems.push(problem);
  }

  count(event: Event): void {
    switch (event.type) {
      case "LeaderClaimed":
        return this.#unsealed.clear();
      case "SubmissionOpened":
        return void this.#unsealed.set(event.submission_id, { run: this.#run(event.run_id), ids: [] });
      case "TasksAdded":
        return void this.#unsealed.get(event.submission_id)?.ids.push(...idsOf(event.tasks));
      case "SubmissionSealed":
        return this.#seal(event.submission_id);
      case "AttemptAssigned":
        return this.#assign(event.task_id, event.lease.attempt);
      case "AttemptFinished":
        this.#accept(event.task_id, event.lease.attempt);
        if (isEndState(event.next.state)) this.#end(event.task_id);
        return;
      case "AttemptLost":
        if (isEndState(event.next.state)) this.#end(event.task_id);
        return;
      case "TaskCancelled":
      case "TaskSkipped":
        return this.#end(event.task_id);
      case "ResultRefused":
        this.#fenced += 1;
        return;
      case "RunEnded":
        return this.#endRun(event.run_id, event.total);
      case "RunOpened":
      case "RetriesDue":
      case "AttemptStarted":
      case "AttemptReleased":
      case "TaskReleased":
      case "WorkerRegistered":
      case "WorkerLost":
      case "WorkerCordoned":
      case "WorkerUncordoned":
      case "TasksForgotten":
      case "WebhookAdded":
      case "WebhookRemoved":
      case "WebhookRequested":
      case "WebhookDelivered":
      case "WebhookGivenUp":
      case "WebhookRedelivered":
      case "ScheduleSet":
      case "ScheduleRemoved":
      case "ScheduleFired":
      case "ScheduleSkipped":
        return;
    }
  }

  #seal(submissionId: string): void {
    const { run = { tasks: 0, ends: 0 }, ids = [] } = this.#unsealed.get(submissionId) ?? {};
    for (const id of ids) {
      if (this.#tasks.has(id)) this.note(`task ${id} was submitted twice`);
      this.#tasks.set(id, { run, ends: 0, attempts: 0, accepted: [] });
    }
    run.tasks += ids.length;
    this.#unsealed.delete(submissionId);
  }

  #run(id: string): RunTally {
    let run = this.#runs.get(id);
    if (run === undefined) this.#runs.set(id, (run = { tasks: 0, ends: 0 }));
    return run;
  }

  #endRun(id: string, total: number): void {
    const { tasks, ends } = this.#run(id);
    if (total === tasks && total === ends) return;
    this.note(`run ${id} ended with ${total} tasks: it had ${tasks}, of which ${ends} had ended`);
  }

  #assign(id: string, attempt: number): void {
    const entry = this.#entry(id);
    if (attempt !== entry.attempts + 1) {
      this.note(`task ${id} was given attempt ${attempt} after attempt ${entry.attempts}`);
    }
    entry.attempts = attempt;
  }

  #accept(id: string, attempt: number): void {
    this.#results += 1;
    this.#entry(id).accepted.push(attempt);
  }

  #end(id: string): void {
    const entry = this.#entry(id);
    entry.ends += 1;
    entry.run.ends += 1;
  }

  #entry(id: string): Entry {
    const known = this.#tasks.get(id);
    if (known !== undefined) return known;
    this.note(`an event names task ${id}, which no sealed submission holds`);
    const entry = { run: { tasks: 0, ends: 0 }, ends: 0, attempts: 0, accepted: [] };
    this.#tasks.set(id, entry);
    return entry;
  }

  verdict(state: State): Verification {
    let [lost, duplicated, open] = [0, 0, 0];
    for (const [id, { ends, accepted }] of this.#tasks) {
      if (ends > 1 || new Set(accepted).size < accepted.length) {
        duplicated += 1;
        this.note(`task ${id} ended ${ends} times, with the results of attempts ${accepted.join(", ")}`);
      } else if (ends === 0 && state.tasks.has(id)) {
        open += 1;
      } else if (ends === 0) {
        lost += 1;
        this.note(`task ${id} neither ended nor is it open`);
      }
    }
    return {
      tasks: this.#tasks.size,
      results: this.#results,
      lost,
      duplicated,
      fenced: this.#fenced,
      open,
      ok: this.#problems.length === 0,
      problems: this.#problems.slice(0, PROBLEMS_SHOWN),
    };
  }
}

function idsOf(tasks: readonly { task_id: string }[]): string[] {
  return tasks.map(({ task_id }) => task_id);
}
