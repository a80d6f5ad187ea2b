/**
 * What is checked while a history runs, and of the whole of it at the end. Knows nothing of how the parts
 * work: it sees committed records, executions, and what clients were told.
 */
import {
  assert,
  checkInvariants,
  isEndState,
  saveState,
  type EndState,
  type Event,
  type State,
} from "../core/index.ts";
import type { Coverage } from "./coverage.ts";
import type { Execution } from "./sim-executor.ts";

interface SentBody {
  tasks?: { task_id: string; attempt: number }[];
  attempts?: { task_id: string; attempt: number; verdict: string }[];
}

export class Checker {
  readonly coverage: Coverage;
  readonly executions: Execution[] = [];
  events = 0;
  /** `task/attempt` of every committed assignment. */
  readonly #assigned = new Set<string>();
  readonly #results = new Set<string>();
  readonly #registered = new Set<string>();
  readonly #outcomes = new Map<string, string>();
  readonly #acknowledged = new Set<string>();
  /** Tasks that run alone, with what they are alone in: their key, or themselves. */
  readonly #alone = new Map<string, string>();
  readonly #runEnds = new Map<string, number>();
  #position = 0;

  constructor(coverage: Coverage) {
    this.coverage = coverage;
  }

  folded(_event: Event, state: State): void {
    this.events += 1;
    checkInvariants(state);
  }

  /** Records arrive once each, in order, from whichever coordinator committed them. */
  committed(position: number, events: readonly Event[]): void {
    assert(position === this.#position + 1, `record ${position} committed after ${this.#position}`);
    this.#position = position;
    for (const event of events) this.#learn(event);
  }

  get committedPosition(): number {
    return this.#position;
  }

  #learn(event: Event): void {
    switch (event.type) {
      case "AttemptAssigned":
        this.#assigned.add(`${event.task_id}/${event.lease.attempt}`);
        return;
      case "WorkerRegistered":
        this.#registered.add(event.worker_id);
        return;
      case "TasksAdded":
        for (const { task_id, requirements } of event.tasks) {
          const { exclusive, concurrency_key } = requirements;
          if (exclusive === true || concurrency_key !== undefined)
            this.#alone.set(task_id, concurrency_key ?? task_id);
        }
        return;
      case "AttemptFinished":
        this.#results.add(`${event.task_id}/${event.lease.attempt}`);
        if (event.next.state === "retry" && event.result.outcome === "failed") {
          this.coverage.reached("a task was retried after a failure");
        }
        if (event.result.outcome === "timed_out") this.coverage.reached("a task timed out");
        if (event.next.state !== "retry") this.#end(event.task_id, event.next.state);
        this.#ran(event);
        return;
      case "AttemptLost":
        if (event.next.state === "poisoned") this.coverage.reached("a task was poisoned");
        else if (event.next.state !== "retry") this.#end(event.task_id, event.next.state);
        return;
      case "TaskCancelled":
        if (event.lease !== null) this.coverage.reached("a task was cancelled while it ran");
        return this.#end(event.task_id, "cancelled");
      case "TaskSkipped":
        this.coverage.reached("a task was skipped");
        return this.#end(event.task_id, "skipped");
      case "RunEnded":
        return this.#runEnded(event);
      case "ResultRefused":
        return this.coverage.reached("a late result was refused");
      case "WorkerLost":
        if (event.reason.startsWith("silent")) this.coverage.reached("a worker was lost by silence");
        return;
      default:
        return;
    }
  }

  /** What is told of a run's end is true, and told once: receivers act on it. */
  #runEnded({ run_id, ended, total, counts }: Extract<Event, { type: "RunEnded" }>): void {
    assert(ended === (this.#runEnds.get(run_id) ?? 0) + 1, `end ${ended} of run ${run_id} is out of turn`);
    this.#runEnds.set(run_id, ended);
    const told = Object.values(counts).reduce((sum, count) => sum + count, 0);
    assert(told === total && told === this.#outcomes.size, `run ${run_id} ended with ${told} of its tasks`);
    this.coverage.reached(ended === 1 ? "a run ended" : "a run ended again");
  }

  #end(taskId: string, state: string): void {
    assert(
      !this.#outcomes.has(taskId),
      `task ${taskId} ended twice: ${this.#outcomes.get(taskId) ?? ""}, ${state}`,
    );
    this.#outcomes.set(taskId, state);
  }

  /** An accepted result was really produced, by that worker, in that attempt. */
  #ran(event: Extract<Event, { type: "AttemptFinished" }>): void {
    const { attempt, worker_id } = event.lease;
    const { outcome } = event.result;
    const found = this.executions.some(
      (run) =>
        run.task_id === event.task_id &&
        run.attempt === attempt &&
        run.worker_id === worker_id &&
        (run.outcome === outcome || outcome === "cancelled"),
    );
    assert(found, `task ${event.task_id}/${attempt} was accepted as ${outcome}, but nothing like it ran`);
  }

  /** What a coordinator says to a worker is committed when it says it. */
  sent(workerId: string, text: string): void {
    const payload = text.slice(text.indexOf(".") + 1);
    if (!payload.startsWith('{"v":1')) return;
    const { type, body } = JSON.parse(payload) as { type: string; body: SentBody };
    if (type === "welcome")
      assert(this.#registered.has(workerId), `${workerId} was welcomed before it was registered`);
    for (const { task_id, attempt } of type === "assign" ? (body.tasks ?? []) : []) {
      const key = `${task_id}/${attempt}`;
      assert(this.#assigned.has(key), `assignment ${key} was sent before it was committed`);
    }
    for (const { task_id, attempt, verdict } of type === "result_ack" ? (body.attempts ?? []) : []) {
      const key = `${task_id}/${attempt}`;
      if (verdict === "repeated") this.coverage.reached("a result was reported twice");
      const isDurable = verdict === "stale_attempt" || this.#results.has(key);
      assert(isDurable, `the result of ${key} was acknowledged before it was committed`);
    }
  }

  /** No assignment is carried out before it is committed, and each once. */
  started(execution: Execution): void {
    const key = `${execution.task_id}/${execution.attempt}`;
    const before = this.executions.find((run) => `${run.task_id}/${run.attempt}` === key);
    assert(before === undefined, `attempt ${key} was carried out twice`);
    assert(this.#assigned.has(key), `attempt ${key} ran before its assignment was committed`);
    this.#checkAlone(execution);
    this.executions.push(execution);
  }

  /** What must not run twice at a time never does, whatever the network does. */
  #checkAlone(execution: Execution): void {
    const key = this.#alone.get(execution.task_id);
    if (key === undefined) return;
    const other = this.executions.find(
      (run) => run.to === null && !run.paused && this.#alone.get(run.task_id) === key,
    );
    assert(
      other === undefined,
      () => `${JSON.stringify(other)} still runs beside ${JSON.stringify(execution)}`,
    );
  }

  /** A process that does not run cannot end its attempts in time. */
  paused(workerId: string): void {
    for (const run of this.executions) if (run.worker_id === workerId && run.to === null) run.paused = true;
  }

  /** A machine that went down took its executions along. */
  ended(workerId: string, at: number): void {
    for (const run of this.executions) if (run.worker_id === workerId && run.to === null) run.to = at;
  }

  get taskCount(): number {
    return this.#acknowledged.size;
  }

  /** How a task ended, as an entry, when it has. */
  endOf(id: string): [string, EndState][] {
    const state = this.#outcomes.get(id);
    return state === undefined || !isEndState(state) ? [] : [[id, state]];
  }

  acknowledged(taskIds: readonly string[]): void {
    for (const id of taskIds) this.#acknowledged.add(id);
  }

  get open(): string[] {
    return [...this.#acknowledged].filter((id) => !this.#outcomes.has(id));
  }

  /** Everything that was promised: no acknowledged task is missing, none is left open but the poisoned. */
  checkEnd(state: State, folded: State): void {
    const mine = linesOf(state);
    const theirs = linesOf(folded);
    const differing = mine.findIndex((line, i) => line !== theirs[i]);
    const isSame = mine.length === theirs.length && differing < 0;
    assert(isSame, () => `the log folds to another state: ${mine[differing]} against ${theirs[differing]}`);
    for (const id of this.#acknowledged) {
      if (this.#outcomes.has(id)) continue;
      const status = state.tasks.get(id)?.status;
      const waitsForPoisoned =
        status?.state === "poisoned" || (status?.state === "pending" && isStuck(state, id));
      assert(waitsForPoisoned, `acknowledged task ${id} is lost: ${JSON.stringify(status)}`);
    }
  }
}

/** Whether a task waits, directly or not, for a poisoned one, which only an operator releases. */
function isStuck(state: State, id: string): boolean {
  const task = state.tasks.get(id);
  if (task === undefined) return false;
  if (task.status.state === "poisoned") return true;
  return task.spec.dependencies.some((dependency) => isStuck(state, dependency));
}

/** Without the header's position and time: the leader has opened the record that comes next. */
function linesOf(state: State): string[] {
  return [...saveState(state)].map((line) =>
    JSON.stringify(line.kind === "state" ? { ...line, position: 0, at: 0 } : line),
  );
}
