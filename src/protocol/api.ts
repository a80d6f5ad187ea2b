/**
 * What the HTTP API answers. Keys are snake_case; times are milliseconds since 1970 unless the name says
 * else.
 */
import type {
  AttemptOutcome,
  Capabilities,
  CaseCounts,
  Shortfall,
  TaskSpec,
  TaskState,
  Usage,
} from "../core/index.ts";

export interface StatusView {
  version: string;
  cluster_id: string;
  coordinator_id: string;
  role: "leader";
  epoch: number;
  position: number;
  uptime_seconds: number;
  tasks: Record<TaskState, number>;
  workers: { online: number; connected: number; lost: number };
  results: { watermark: number; behind: number; failed: string | null };
}

export interface RunView {
  run_id: string;
  project: string;
  run_key: string | null;
  name: string;
  opened_at: number;
  total: number;
  counts: Record<TaskState, number>;
  open: number;
}

export interface TaskView {
  task_id: string;
  run_id: string;
  project: string;
  name: string;
  type: TaskSpec["type"];
  state: TaskState;
  priority: number;
  /** Why it is where it is: the reason it waits, or how it ended. */
  reason: string | null;
  attempts: number;
  worker_id: string | null;
  requirements: TaskSpec["requirements"];
  resources: TaskSpec["resources"];
  timeout_ms: number;
  max_retries: number;
  dependencies: string[];
  submitted_at: number;
  started_at: number | null;
  ended_at: number | null;
}

export interface AttemptView {
  task_id: string;
  attempt: number;
  worker_id: string;
  slot: number;
  state: "assigned" | "running" | "lost" | AttemptOutcome;
  assigned_at: number;
  started_at: number | null;
  duration_ms: number | null;
  exit_code: number | null;
  signal: string | null;
  counts: CaseCounts | null;
  usage: Usage | null;
  log_bytes: number;
  error: { code: string; message: string } | null;
}

export interface TaskDetail extends TaskView {
  config: Record<string, unknown>;
  attempt_list: AttemptView[];
  explanation: Explanation | null;
}

export interface Explanation {
  summary: string;
  workers: {
    worker_id: string;
    verdict: "fits" | "busy" | "not_available" | "does_not_fit";
    reasons: Shortfall[];
  }[];
}

/** An attempt as an explanation tells it: what came before it, where it went, how it ended. */
export interface PlacedAttempt {
  attempt: number;
  worker_id: string;
  state: AttemptView["state"];
  waited: { for: "dependencies" | "retry" | "worker"; ms: number }[];
  duration_ms: number | null;
  reason: string | null;
}

export interface TaskExplanation extends Explanation {
  task_id: string;
  name: string;
  state: TaskState;
  attempts: PlacedAttempt[];
}

export interface WorkerView {
  worker_id: string;
  incarnation: string;
  state: "online" | "suspect" | "disconnected" | "lost";
  cordoned: string | null;
  slots: number;
  busy: number;
  labels: Record<string, string>;
  capabilities: Capabilities;
  hw_class: string;
  registered_at: number;
  last_heard_seconds: number | null;
  tasks: string[];
  load: { cpu_share: number; memory_free_mb: number } | null;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface SubmitAnswer {
  run_id: string;
  task_ids: string[];
  replayed: boolean;
}

/** One thing that happened in a run, as the feed tells it. `position` is where to go on from. */
export type FeedItem =
  | {
      kind: "task_started";
      position: number;
      at: number;
      task_id: string;
      attempt: number;
      worker_id: string;
    }
  | {
      kind: "attempt_ended";
      position: number;
      at: number;
      task_id: string;
      attempt: number;
      worker_id: string;
      outcome: AttemptOutcome | "lost";
      duration_ms: number;
      counts: CaseCounts | null;
      document: string | { blob: string } | null;
      error: { code: string; message: string } | null;
      log_bytes: number;
      next: string;
    }
  | {
      kind: "task_ended";
      position: number;
      at: number;
      task_id: string;
      state: TaskState;
      reason: string | null;
    };
