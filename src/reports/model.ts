/**
 * One run as every report tells it: JSON, JUnit, Markdown, HTML and the terminal are ways to print this. Its
 * schema for other programs is report.schema.json; a test holds the two together.
 */
import type { AttemptOutcome, TaskState } from "../core/index.ts";
import type { ArtifactFacts, CaseOutcome, HardwareFacts, ReusedFrom } from "./facts.ts";

export type { HardwareFacts };

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
  /** Failures that share it have one cause, as far as messages tell; null when it did not fail. */
  fingerprint: string | null;
  worker_id: string | null;
  /** The attempt that decided; 0 when none did. */
  attempt: number;
  task_id: string | null;
  /** The earlier task whose result this is; null when it ran in this run. */
  reused_from: ReusedFrom | null;
}

export interface AttemptReport {
  attempt: number;
  worker_id: string;
  outcome: AttemptOutcome | "lost";
  /** Milliseconds since 1970 at which its end was recorded. */
  ended_at: number;
  duration_ms: number;
  error: { code: string; message: string } | null;
  log_bytes: number;
  /** The end of the log of an attempt that failed, at most 4 KiB. */
  log_tail: string | null;
  artifacts: ArtifactFacts[];
  /** The `hw_class` of an entry of `hardware`; null when nobody knows any more. */
  hardware: string | null;
}

export interface TaskReport {
  task_id: string;
  name: string;
  framework: string | null;
  suite: string;
  state: TaskState;
  reason: string | null;
  reused_from: ReusedFrom | null;
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
  /** Not run but taken over from an earlier run; counted under their outcome as well. */
  reused: number;
}

/** Exit codes in the order in which they win over each other. */
export type Verdict =
  | { result: "infrastructure"; exit_code: 3; why: string }
  | { result: "nothing_ran"; exit_code: 7; why: string }
  | { result: "failed"; exit_code: 1; why: string }
  | { result: "passed"; exit_code: 0; why: string };

export interface RunIdentity {
  run_id: string;
  name: string;
  project: string;
  /** Of the coordinator that knows the run; null when it went with the run. */
  url: string | null;
}

/** A case in two runs; null: it was not in that one. */
export interface ComparedCase {
  test_id: string | null;
  framework: string | null;
  suite: string;
  file: string;
  name: string;
  before: CaseOutcome | null;
  now: CaseOutcome | null;
  before_ms: number | null;
  now_ms: number | null;
}

/** What became of the cases since an earlier run, in the order in which people ask. */
export const CHANGES = [
  "newly_failing",
  "fixed",
  "still_failing",
  "flaky",
  "new",
  "gone",
  "slower",
  "faster",
] as const;
export type Change = (typeof CHANGES)[number];

export interface Comparison {
  /** The run that this one is compared with. */
  run: RunIdentity;
  started_at: number;
  duration_ms: number;
  git_commit: string | null;
  /** All of them, however few are listed. */
  counts: Record<Change, number>;
  /** The first 1,000 of each kind. */
  cases: Record<Change, ComparedCase[]>;
}

export interface WorkerReport {
  worker_id: string;
  attempts: number;
  busy_ms: number;
}

export interface RunReport {
  run: RunIdentity;
  started_at: number;
  ended_at: number;
  duration_ms: number;
  verdict: Verdict;
  totals: Totals;
  /** Where it was started: testyard, node, platform, workspace, git_commit, git_branch, git_dirty, tools. */
  environment: Record<string, string>;
  /** The ids of the runs whose reports were merged into this one; empty for the report of one run. */
  merged_from: string[];
  hardware: HardwareFacts[];
  workers: WorkerReport[];
  previous: Comparison | null;
  tasks: TaskReport[];
  cases: CaseReport[];
}
