/** One run as every report tells it: JSON, JUnit and the terminal are three ways to print this. */
import type { AttemptOutcome, TaskState } from "../core/index.ts";
import type { CaseOutcome } from "./facts.ts";

export interface CaseReport {
  /** null for a case that stands for a whole file or task. */
  test_id: string | null;
  framework: string | null;
  suite: string;
  file: string;
  /** With its parameters, as its framework writes it. */
  name: string;
  outcome: CaseOutcome;
  /**
   * It passed in the end, and had failed before: in an earlier attempt or within its framework's own
   * repeats.
   */
  flaky: boolean;
  expected_failure: boolean;
  /** Of the attempt that decided. */
  duration_ms: number;
  message: string | null;
  detail: string | null;
  stdout: string | null;
  stderr: string | null;
  worker_id: string | null;
  /** The attempt that decided; 0 when none did. */
  attempt: number;
  task_id: string | null;
}

export interface AttemptReport {
  attempt: number;
  worker_id: string;
  outcome: AttemptOutcome | "lost";
  duration_ms: number;
  error: { code: string; message: string } | null;
  log_bytes: number;
}

export interface TaskReport {
  task_id: string;
  name: string;
  framework: string | null;
  suite: string;
  state: TaskState;
  reason: string | null;
  attempts: AttemptReport[];
}

export interface Totals {
  tasks: number;
  cases: number;
  passed: number;
  failed: number;
  error: number;
  skipped: number;
  /** Counted among `passed` as well. */
  flaky: number;
}

/** Exit codes in the order in which they win over each other. */
export type Verdict =
  | { result: "infrastructure"; exit_code: 3; why: string }
  | { result: "nothing_ran"; exit_code: 7; why: string }
  | { result: "failed"; exit_code: 1; why: string }
  | { result: "passed"; exit_code: 0; why: string };

export interface RunReport {
  run: { run_id: string; name: string; project: string; url: string | null };
  started_at: number;
  ended_at: number;
  duration_ms: number;
  verdict: Verdict;
  totals: Totals;
  environment: Record<string, string>;
  workers: { worker_id: string; attempts: number; busy_ms: number }[];
  tasks: TaskReport[];
  cases: CaseReport[];
}
