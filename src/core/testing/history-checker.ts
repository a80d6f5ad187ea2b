/**
 * A slow and obvious judge of a whole history, which shares no code with the fold: it keeps its own little
 * picture of every task and worker and says the first rule that an event breaks.
 *
 * Rules: epochs rise; nothing happens to a task before its submission is sealed; attempts are numbered 1..n
 * and one is out at a time; one accepted outcome per task, of the attempt that was out; end states never
 * change; poisoned leaves by release or cancel only; no start before all dependencies succeeded, and
 * skipped for a reason that is true; slots, devices, amounts, exclusive hosts and concurrency keys are
 * never given twice; the budgets of attempts hold; a key stands for one submission; a run ends when its
 * tasks have, and again when it got more; each end is told once to each webhook there was; the times of a
 * schedule are settled in order, each once.
 */
import type { Event } from "../event.ts";
import type { EndState, Lease, TaskSpec } from "../task.ts";
import { AutomationBook } from "./automation-book.ts";
import { WorkerBook, type Must } from "./worker-book.ts";
import type { Recorded } from "./yard.ts";

interface Story {
  readonly spec: TaskSpec;
  attempts: number;
  out: Lease | null;
  end: EndState | null;
  poisoned: boolean;
  outcomes: number;
  counted: number;
  infrastructure: number;
}

const INFRASTRUCTURE_LIMIT = 4;
const DAY_MS = 24 * 3600 * 1000;
const SILENT = new Set(["ResultRefused", "AttemptReleased", "TasksForgotten"]);

/** Throws at the first event that breaks a rule. */
export function checkHistory(history: readonly Recorded[]): void {
  const checker = new HistoryChecker();
  for (const recorded of history) checker.see(recorded);
  checker.checkEnd();
}

class HistoryChecker {
  readonly #stories = new Map<string, Story>();
  readonly #resolved = new Map<string, EndState>();
  readonly #workers = new WorkerBook();
  readonly #keys = new Map<string, number>();
  #open = new Map<string, { key: string | null; tasks: TaskSpec[] }>();
  /** Tasks that a run had when it ended. */
  readonly #ends = new Map<string, { ended: number; total: number }>();
  readonly #automation = new AutomationBook();
  #epoch = 0;

  see({ at, event }: Recorded): void {
    const must: Must = (holds, rule) => {
      if (!holds) throw new Error(`${rule}: ${JSON.stringify(event)}`);
    };
    if ("task_id" in event && !SILENT.has(event.type)) {
      const story = this.#stories.get(event.task_id);
      must(story !== undefined, "a task exists before anything happens to it");
      must(story?.end === null, "an end state never changes");
    }
    this.#apply(event, { at, must });
  }

  #apply(event: Event, { at, must }: { at: number; must: Must }): void {
    switch (event.type) {
      case "LeaderClaimed":
        must(event.epoch === this.#epoch + 1, "epochs rise by one");
        this.#epoch = event.epoch;
        this.#open.clear();
        return;
      case "SubmissionOpened": {
        const key = event.idempotency === null ? null : `${event.project}/${event.idempotency.key}`;
        this.#open.set(event.submission_id, { key, tasks: [] });
        return;
      }
      case "TasksAdded":
        this.#open.get(event.submission_id)?.tasks.push(...event.tasks);
        for (const [id, state] of Object.entries(event.resolved)) this.#resolved.set(id, state);
        return;
      case "SubmissionSealed":
        return this.#seal(event.submission_id, { at, must });
      case "WorkerRegistered":
        return this.#workers.register(event);
      case "WorkerLost":
        return this.#workers.lose(event.worker_id);
      case "AttemptReleased":
        return this.#workers.free(event.worker_id, event.task_id);
      case "AttemptAssigned":
        return this.#assigned(event, must);
      case "AttemptStarted":
        must(
          this.#story(event.task_id).out?.attempt === event.attempt,
          "the attempt that starts is the one out",
        );
        return;
      case "AttemptFinished":
      case "AttemptLost":
        return this.#attemptOver(event, must);
      case "TaskCancelled":
        return this.#cancelled(event, must);
      case "TaskSkipped":
        return this.#skipped(event, must);
      case "TaskReleased": {
        const story = this.#story(event.task_id);
        must(story.poisoned, "only a poisoned task is released");
        story.poisoned = false;
        story.infrastructure = 0;
        return;
      }
      case "RetriesDue":
        for (const id of event.task_ids) {
          const { end, out } = this.#story(id);
          must(end === null && out === null, "a retry comes due while the task waits");
        }
        return;
      case "RunEnded":
        return this.#runEnded(event, must);
      case "TasksForgotten":
        for (const id of event.task_ids)
          must(this.#story(id).end !== null, "a task is forgotten after its end");
        return;
      default:
        return this.#automation.see(event, { at, must });
    }
  }

  #runEnded(event: Extract<Event, { type: "RunEnded" }>, must: Must): void {
    const { run_id, total, counts } = event;
    const stories = [...this.#stories.values()].filter(({ spec }) => spec.run_id === run_id);
    must(stories.length === total && total > 0, "the end of a run counts its tasks");
    for (const [state, count] of Object.entries(counts)) {
      must(stories.filter(({ end }) => end === state).length === count, `the end of a run counts ${state}`);
    }
    const ended = Object.values(counts).reduce((sum, count) => sum + count, 0);
    must(ended === total, "a run ends when all its tasks have");
    const before = this.#ends.get(run_id) ?? { ended: 0, total: 0 };
    must(event.ended === before.ended + 1 && total > before.total, "a run ends again when it got tasks");
    this.#ends.set(run_id, event);
    this.#automation.runEnded(event);
  }

  #story(id: string): Story {
    const story = this.#stories.get(id);
    if (story === undefined) throw new Error(`an event tells of task ${id}, which does not exist`);
    return story;
  }

  #seal(id: string, { at, must }: { at: number; must: Must }): void {
    const submission = this.#open.get(id);
    must(submission !== undefined, "what is sealed was opened by the same leader");
    this.#open.delete(id);
    if (submission === undefined) return;
    if (submission.key !== null) {
      const before = this.#keys.get(submission.key);
      must(before === undefined || at - before > DAY_MS, "a key stands for one submission");
      this.#keys.set(submission.key, at);
    }
    for (const spec of submission.tasks) {
      must(!this.#stories.has(spec.task_id), "a task is made once");
      const counts = { attempts: 0, outcomes: 0, counted: 0, infrastructure: 0 };
      this.#stories.set(spec.task_id, { spec, out: null, end: null, poisoned: false, ...counts });
    }
  }

  #endOf(id: string): EndState | null {
    return this.#stories.get(id)?.end ?? this.#resolved.get(id) ?? null;
  }

  #assigned(event: Extract<Event, { type: "AttemptAssigned" }>, must: Must): void {
    const story = this.#story(event.task_id);
    must(story.out === null, "one attempt of a task is out at a time");
    must(!story.poisoned, "a poisoned task is not assigned");
    must(event.lease.attempt === story.attempts + 1, "attempts are numbered from 1 without gaps");
    const ready = story.spec.dependencies.every((id) => this.#endOf(id) === "completed");
    must(ready, "no start before all dependencies succeeded");
    story.attempts += 1;
    story.out = event.lease;
    this.#workers.take(story.spec, event.lease, must);
  }

  #attemptOver(event: Extract<Event, { type: "AttemptFinished" | "AttemptLost" }>, must: Must): void {
    const story = this.#story(event.task_id);
    const { attempt, worker_id, incarnation } = event.lease;
    const { out } = story;
    const same = out?.attempt === attempt && out.worker_id === worker_id && out.incarnation === incarnation;
    must(same, "an outcome comes from the attempt that is out");
    story.out = null;
    this.#workers.free(worker_id, event.task_id);
    if (event.type === "AttemptLost") story.infrastructure += event.was_running ? 1 : 0;
    else this.#count(story, event.result.outcome);
    must(story.counted <= story.spec.max_retries + 1, "counted attempts stay within the retries");
    must(story.infrastructure <= INFRASTRUCTURE_LIMIT, "infrastructure losses stay within their budget");
    if (event.next.state === "retry") return;
    if (event.next.state === "poisoned") {
      story.poisoned = true;
      return;
    }
    story.outcomes += 1;
    must(story.outcomes === 1, "a task has one accepted outcome");
    story.end = event.next.state;
  }

  #count(story: Story, outcome: string): void {
    if (outcome === "infrastructure" || outcome === "cancelled") story.infrastructure += 1;
    else story.counted += 1;
  }

  #cancelled(event: Extract<Event, { type: "TaskCancelled" }>, must: Must): void {
    const story = this.#story(event.task_id);
    must(story.out?.attempt === event.lease?.attempt, "a cancel names the attempt that is out");
    story.out = null;
    story.end = "cancelled";
  }

  #skipped(event: Extract<Event, { type: "TaskSkipped" }>, must: Must): void {
    const story = this.#story(event.task_id);
    const { because } = event;
    must(story.spec.dependencies.includes(because.task_id), "a task is skipped because of a dependency");
    must(because.state !== "completed", "a success skips nothing");
    must(this.#endOf(because.task_id) === because.state, "the reason of a skip is true");
    must(story.out === null, "a task that is out is not skipped");
    story.end = "skipped";
  }

  /** Nothing waits for what will never come. */
  checkEnd(): void {
    for (const { spec, end } of this.#stories.values()) {
      if (end !== null) continue;
      const dead = spec.dependencies.find((id) => (this.#endOf(id) ?? "completed") !== "completed");
      if (dead !== undefined) throw new Error(`task ${spec.task_id} waits for ${dead} for ever`);
    }
    const open = [...this.#stories.values()].filter(({ end }) => end === null);
    for (const { spec } of this.#stories.values()) {
      if (open.some((story) => story.spec.run_id === spec.run_id)) continue;
      const total = [...this.#stories.values()].filter((story) => story.spec.run_id === spec.run_id).length;
      if (this.#ends.get(spec.run_id)?.total !== total) throw new Error(`run ${spec.run_id} never ended`);
    }
  }
}
