/**
 * Everything that can happen. Events are what the log holds, what the state is folded from and what the
 * results are projected from, so each says all that a reader without the state needs.
 *
 * A variant is never changed in place: a new meaning is a new `v`, and every variant ever written keeps a
 * fixture under test/replay.
 */
import type { ScheduleFired, ScheduleRemoved, ScheduleSet, ScheduleSkipped } from "./event-schedule.ts";
import type {
  WebhookAdded,
  WebhookDelivered,
  WebhookGivenUp,
  WebhookRedelivered,
  WebhookRemoved,
  WebhookRequested,
} from "./event-webhook.ts";
import type { RunId, TaskId, WorkerId } from "./ids.ts";
import type { Capabilities } from "./requirements.ts";
import type { AttemptResult } from "./result.ts";
import type { RunVerdict } from "./run.ts";
import type { EndCounts } from "./run-end.ts";
import type { EndState, Lease, TaskSpec } from "./task.ts";

export type * from "./event-schedule.ts";
export type * from "./event-webhook.ts";

/** Every start of a leader. Submissions left unsealed by the former one end here. */
export interface LeaderClaimed {
  type: "LeaderClaimed";
  v: 1;
  epoch: number;
  cluster_id: string;
  coordinator_id: string;
  incarnation: string;
  host: string;
  pid: number;
  /** Start time of that process in the system's own unit: pid and this together name one process. */
  pid_started: string;
}

export interface RunOpened {
  type: "RunOpened";
  v: 1;
  run_id: RunId;
  project: string;
  run_key: string | null;
  name: string;
}

/** None of the run's tasks can change any more. A later submission opens it again, for its next end. */
export interface RunEnded {
  type: "RunEnded";
  v: 1;
  run_id: RunId;
  /** 1 for the first end of the run. */
  ended: number;
  /** Tasks of the run, and how they ended. */
  total: number;
  counts: EndCounts;
  verdict: RunVerdict;
}

export interface SubmissionOpened {
  type: "SubmissionOpened";
  v: 1;
  submission_id: string;
  project: string;
  run_id: RunId;
  first_task_id: TaskId;
  count: number;
  idempotency: { key: string; body_hash: string } | null;
}

export interface TasksAdded {
  type: "TasksAdded";
  v: 1;
  submission_id: string;
  tasks: TaskSpec[];
  /** The ends of those that the state no longer holds: dependencies, and repeated tasks of the same run. */
  resolved: Record<TaskId, EndState>;
}

/** From here on the tasks of the submission exist, all of them at once. */
export interface SubmissionSealed {
  type: "SubmissionSealed";
  v: 1;
  submission_id: string;
}

export interface TaskSkipped {
  type: "TaskSkipped";
  v: 1;
  task_id: TaskId;
  run_id: RunId;
  /** The dependency that did not succeed, and how it ended. */
  because: { task_id: TaskId; state: EndState };
}

export interface TaskCancelled {
  type: "TaskCancelled";
  v: 1;
  task_id: TaskId;
  run_id: RunId;
  reason: string;
  /** The attempt to end, when one was out. */
  lease: Lease | null;
}

/** The delay of a retry is over. */
export interface RetriesDue {
  type: "RetriesDue";
  v: 1;
  task_ids: TaskId[];
}

export interface AttemptAssigned {
  type: "AttemptAssigned";
  v: 1;
  task_id: TaskId;
  lease: Lease;
}

export interface AttemptStarted {
  type: "AttemptStarted";
  v: 1;
  task_id: TaskId;
  attempt: number;
}

/** The task's end, or another try: decided with the event, not by its reader. */
export type Next =
  | { state: EndState; reason: string | null }
  | { state: "retry"; retry_at: number }
  | { state: "poisoned"; reason: string };

export interface AttemptFinished {
  type: "AttemptFinished";
  v: 1;
  task_id: TaskId;
  run_id: RunId;
  lease: Lease;
  result: AttemptResult;
  next: Next;
}

/** An attempt whose worker is gone, or knows nothing of it. */
export interface AttemptLost {
  type: "AttemptLost";
  v: 1;
  task_id: TaskId;
  run_id: RunId;
  lease: Lease;
  was_running: boolean;
  reason: string;
  next: Next;
}

/** A slot that a cancelled attempt still held is free. */
export interface AttemptReleased {
  type: "AttemptReleased";
  v: 1;
  task_id: TaskId;
  attempt: number;
  worker_id: WorkerId;
}

/** A result that came too late or from the wrong hands: kept as evidence, never as outcome. */
export interface ResultRefused {
  type: "ResultRefused";
  v: 1;
  task_id: TaskId;
  attempt: number;
  worker_id: WorkerId;
  outcome: string;
  code: "stale_attempt";
}

export interface TaskReleased {
  type: "TaskReleased";
  v: 1;
  task_id: TaskId;
  run_id: RunId;
  reason: string;
}

export interface WorkerRegistered {
  type: "WorkerRegistered";
  v: 1;
  worker_id: WorkerId;
  incarnation: string;
  slots: number;
  labels: Record<string, string>;
  capabilities: Capabilities;
  hw_class: string;
}

export interface WorkerLost {
  type: "WorkerLost";
  v: 1;
  worker_id: WorkerId;
  incarnation: string;
  reason: string;
}

export interface WorkerCordoned {
  type: "WorkerCordoned";
  v: 1;
  worker_id: WorkerId;
  /** A cordon by the worker itself (it drains) ends with its process; an operator's stays. */
  by: "operator" | "worker";
  reason: string;
}

export interface WorkerUncordoned {
  type: "WorkerUncordoned";
  v: 1;
  worker_id: WorkerId;
}

/** Ended tasks leave memory; results answer for them from now on. */
export interface TasksForgotten {
  type: "TasksForgotten";
  v: 1;
  task_ids: TaskId[];
}

export type Event =
  | LeaderClaimed
  | RunOpened
  | SubmissionOpened
  | TasksAdded
  | SubmissionSealed
  | TaskSkipped
  | TaskCancelled
  | RetriesDue
  | AttemptAssigned
  | AttemptStarted
  | AttemptFinished
  | AttemptLost
  | AttemptReleased
  | ResultRefused
  | TaskReleased
  | WorkerRegistered
  | WorkerLost
  | WorkerCordoned
  | WorkerUncordoned
  | TasksForgotten
  | RunEnded
  | WebhookAdded
  | WebhookRemoved
  | WebhookRequested
  | WebhookDelivered
  | WebhookGivenUp
  | WebhookRedelivered
  | ScheduleSet
  | ScheduleRemoved
  | ScheduleFired
  | ScheduleSkipped;

export type EventType = Event["type"];
