/** What of an event a run's feed tells, and to which run it belongs. */
import { hasEnded, activeLease, type Event, type Next, type State } from "../core/index.ts";
import type { FeedItem } from "../protocol/index.ts";

export interface Moment {
  position: number;
  at: number;
}

/** What an event does not say itself: its task's run, and where an attempt is. */
export interface Lookup {
  runOf(taskId: string): string | undefined;
  workerOf(taskId: string, attempt: number): string | undefined;
}

/** Null for an event that a feed has nothing to say of. */
export function runOf(event: Event, lookup: Lookup): string | undefined {
  switch (event.type) {
    case "AttemptStarted":
      return lookup.runOf(event.task_id);
    case "AttemptFinished":
    case "AttemptLost":
    case "TaskSkipped":
    case "TaskCancelled":
    case "RunEnded":
      return event.run_id;
    default:
      return undefined;
  }
}

export function itemsOf(event: Event, moment: Moment, lookup: Lookup): FeedItem[] {
  const { position, at } = moment;
  switch (event.type) {
    case "AttemptStarted": {
      const { task_id, attempt } = event;
      const worker_id = lookup.workerOf(task_id, attempt);
      // An attempt that is over by now is told by its end.
      return worker_id === undefined
        ? []
        : [{ kind: "task_started", position, at, task_id, attempt, worker_id }];
    }
    case "AttemptFinished": {
      const { task_id, lease, result, next } = event;
      const { outcome, duration_ms, counts, document, error, log_bytes } = result;
      const { attempt, worker_id } = lease;
      const ended = { kind: "attempt_ended", position, at, task_id, attempt, worker_id } as const;
      return [
        { ...ended, outcome, duration_ms, counts, document, error, log_bytes, next: next.state },
        ...ending(task_id, next, moment),
      ];
    }
    case "AttemptLost": {
      const { task_id, lease, next, reason: message } = event;
      const { attempt, worker_id, assigned_at } = lease;
      const ended = { kind: "attempt_ended", position, at, task_id, attempt, worker_id } as const;
      const nothing = { counts: null, document: null, log_bytes: 0, next: next.state };
      const error = { code: "worker_lost", message };
      return [
        { ...ended, outcome: "lost", duration_ms: at - assigned_at, error, ...nothing },
        ...ending(task_id, next, moment),
      ];
    }
    case "RunEnded": {
      const { run_id, ended, total, counts, verdict } = event;
      return [{ kind: "run_ended", position, at, run_id, ended, total, counts, verdict }];
    }
    case "TaskSkipped": {
      const { task_id, because } = event;
      const reason = `dependency ${because.task_id} ended as ${because.state}`;
      return [{ kind: "task_ended", position, at, task_id, state: "skipped", reason }];
    }
    case "TaskCancelled": {
      const { task_id, reason } = event;
      return [{ kind: "task_ended", position, at, task_id, state: "cancelled", reason }];
    }
    default:
      return [];
  }
}

/**
 * A poisoned task stands still until somebody releases it: its run waits for a person, so the feed says so.
 */
function ending(task_id: string, next: Next, { position, at }: Moment): FeedItem[] {
  if (next.state === "retry") return [];
  return [{ kind: "task_ended", position, at, task_id, state: next.state, reason: next.reason }];
}

/** From the state, which is ahead of what is told. */
export function lookupIn(state: State): Lookup {
  return {
    runOf: (taskId) => state.tasks.get(taskId)?.spec.run_id,
    workerOf(taskId, attempt) {
      const task = state.tasks.get(taskId);
      if (task === undefined) return undefined;
      const lease = hasEnded(task.status) ? task.status.lease : activeLease(task);
      return lease?.attempt === attempt ? lease.worker_id : undefined;
    },
  };
}

/** From the log as it is read, for tasks that memory has forgotten; `state` for what began before. */
export class History implements Lookup {
  readonly #runs = new Map<string, string>();
  readonly #workers = new Map<string, string>();
  readonly #now: Lookup;

  constructor(state: State) {
    this.#now = lookupIn(state);
  }

  see(event: Event, runId: string): void {
    if (event.type === "TasksAdded") {
      for (const { task_id, run_id } of event.tasks) if (run_id === runId) this.#runs.set(task_id, run_id);
    } else if (event.type === "AttemptAssigned" && this.runOf(event.task_id) === runId) {
      this.#workers.set(`${event.task_id}/${event.lease.attempt}`, event.lease.worker_id);
    }
  }

  runOf(taskId: string): string | undefined {
    return this.#runs.get(taskId) ?? this.#now.runOf(taskId);
  }

  workerOf(taskId: string, attempt: number): string | undefined {
    return this.#workers.get(`${taskId}/${attempt}`) ?? this.#now.workerOf(taskId, attempt);
  }
}
