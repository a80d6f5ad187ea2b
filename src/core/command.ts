/**
 * What may be asked of the state. Time, ids and everything that needs the world (hashes, older results) come
 * in with the command; `decide` adds nothing of its own but the answer.
 */
import type { ScheduleFired, ScheduleSet, ScheduleSkipped } from "./event.ts";
import type { RunId, TaskId, WorkerId } from "./ids.ts";
import type { Capabilities } from "./requirements.ts";
import type { AttemptResult } from "./result.ts";
import type { EndState, TaskSpec } from "./task.ts";

export interface ClaimLeadership {
  type: "claim_leadership";
  cluster_id: string;
  coordinator_id: string;
  incarnation: string;
  host: string;
  pid: number;
  pid_started: string;
}

export interface OpenRun {
  type: "open_run";
  run_id: RunId;
  project: string;
  run_key: string | null;
  name: string;
}

export interface Submit {
  type: "submit";
  submission_id: string;
  project: string;
  /** An open run, or one to open. */
  run_id: RunId;
  /** Consecutive ids, in this order. */
  tasks: TaskSpec[];
  idempotency: { key: string; body_hash: string } | null;
  /**
   * How those ended that memory no longer holds: dependencies, tasks of the same run that new ones repeat.
   * Looked up by the edge.
   */
  resolved: Record<TaskId, EndState>;
}

export interface CancelTask {
  type: "cancel_task";
  task_id: TaskId;
  reason: string;
}

export interface ReleaseTask {
  type: "release_task";
  task_id: TaskId;
  reason: string;
}

/** An attempt that a worker says it holds: running, or ended with its result not yet acknowledged. */
export interface HeldAttempt {
  task_id: TaskId;
  attempt: number;
}

export interface RegisterWorker {
  type: "register_worker";
  worker_id: WorkerId;
  incarnation: string;
  slots: number;
  labels: Record<string, string>;
  capabilities: Capabilities;
  hw_class: string;
  inventory: HeldAttempt[];
}

export interface AssignTask {
  type: "assign_task";
  task_id: TaskId;
  worker_id: WorkerId;
}

export interface StartAttempt {
  type: "start_attempt";
  task_id: TaskId;
  attempt: number;
  worker_id: WorkerId;
  incarnation: string;
}

export interface FinishAttempt {
  type: "finish_attempt";
  task_id: TaskId;
  attempt: number;
  worker_id: WorkerId;
  incarnation: string;
  result: AttemptResult;
}

/** Judged by the failure detector, or proven (the process is gone, the worker said goodbye). */
export interface LoseWorker {
  type: "lose_worker";
  worker_id: WorkerId;
  incarnation: string;
  reason: string;
}

export interface CordonWorker {
  type: "cordon_worker";
  worker_id: WorkerId;
  by: "operator" | "worker";
  reason: string;
}

export interface UncordonWorker {
  type: "uncordon_worker";
  worker_id: WorkerId;
}

/** Time has passed: retries whose delay is over. */
export interface Tick {
  type: "tick";
}

/** Proposed once results have passed the position at which the tasks ended. */
export interface ForgetTasks {
  type: "forget_tasks";
  task_ids: TaskId[];
}

/** A webhook of the yard, or of one run. The same address twice is the same webhook. */
export interface AddWebhook {
  type: "add_webhook";
  webhook_id: string;
  url: string;
  run_id: RunId | null;
}

export interface RemoveWebhook {
  type: "remove_webhook";
  webhook_id: string;
}

/** How a delivery ended, after one try or many. */
export interface SettleDelivery {
  type: "settle_delivery";
  delivery_id: string;
  outcome:
    | { kind: "delivered"; http_status: number; attempts: number }
    | { kind: "given_up"; code: string; reason: string; attempts: number };
}

export interface RedeliverWebhook {
  type: "redeliver_webhook";
  delivery_id: string;
}

export interface SetSchedule extends Omit<ScheduleSet, "type" | "v"> {
  type: "set_schedule";
}

export interface RemoveSchedule {
  type: "remove_schedule";
  name: string;
}

/** A time has come, or somebody wants the schedule's run now. */
export interface FireSchedule {
  type: "fire_schedule";
  name: string;
  due_at: number;
  by: ScheduleFired["by"];
  /** Of the schedule's project; its run is the one to open. */
  submission: Submit;
}

/** A time has passed that shall start nothing. */
export interface SkipSchedule extends Omit<ScheduleSkipped, "type" | "v"> {
  type: "skip_schedule";
}

export type Command =
  | ClaimLeadership
  | OpenRun
  | Submit
  | CancelTask
  | ReleaseTask
  | RegisterWorker
  | AssignTask
  | StartAttempt
  | FinishAttempt
  | LoseWorker
  | CordonWorker
  | UncordonWorker
  | Tick
  | ForgetTasks
  | AddWebhook
  | RemoveWebhook
  | SettleDelivery
  | RedeliverWebhook
  | SetSchedule
  | RemoveSchedule
  | FireSchedule
  | SkipSchedule;

/** A refusal: a value, part of the API, never an exception. */
export interface Rejection {
  code: RejectionCode;
  message: string;
  details?: Record<string, unknown>;
}

export type RejectionCode =
  | "task_unknown"
  | "task_ended"
  | "task_not_queued"
  | "task_not_poisoned"
  | "task_exists"
  | "task_open"
  | "task_retried"
  | "dependency_unknown"
  | "dependency_self"
  | "dependency_cycle"
  | "idempotency_key_reused"
  | "run_unknown"
  | "run_exists"
  | "worker_unknown"
  | "worker_not_available"
  | "worker_does_not_fit"
  | "stale_attempt"
  | "stale_incarnation"
  | "webhook_unknown"
  | "webhook_limit"
  | "delivery_unknown"
  | "schedule_unknown"
  | "schedule_limit"
  | "schedule_not_due";
