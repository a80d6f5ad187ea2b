/**
 * What a report is made of: what was asked, what happened, and what each attempt's document said. Only types;
 * whoever follows a run fills them in.
 */
import type { AttemptOutcome, TaskState } from "../core/index.ts";

export type CaseOutcome = "passed" | "failed" | "skipped" | "error";

/** A case as a result document holds it. */
export interface CaseFacts {
  test_id: string;
  /** Relative to the workspace, POSIX: that is where people look. "" when it is of no file. */
  file: string;
  name: string;
  parameters?: string | undefined;
  outcome: CaseOutcome;
  duration_ms: number;
  message?: string | undefined;
  detail?: string | undefined;
  stdout?: string | undefined;
  stderr?: string | undefined;
  retries?: number | undefined;
  expected_failure?: boolean | undefined;
}

/** What of a machine a measurement hangs on; `hw_class` names all that are alike. */
export interface HardwareFacts {
  hw_class: string;
  os: string;
  arch: string;
  cpu_model: string;
  physical_cores: number;
  logical_cores: number;
  memory_mb: number;
  /** Models. */
  gpus: string[];
}

/** A file that an attempt left, kept in the blob store. */
export interface ArtifactFacts {
  path: string;
  sha256: string;
  size_bytes: number;
}

export interface ReusedFrom {
  run_id: string;
  task_id: string;
}

export interface AttemptFacts {
  attempt: number;
  worker_id: string;
  outcome: AttemptOutcome | "lost";
  /** Milliseconds since 1970 at which its end was recorded. */
  ended_at: number;
  duration_ms: number;
  error: { code: string; message: string } | null;
  /** null: it left no document, as a plain command does. */
  cases: readonly CaseFacts[] | null;
  log_bytes: number;
  log_tail?: string | null | undefined;
  artifacts?: readonly ArtifactFacts[] | undefined;
  hardware?: HardwareFacts | null | undefined;
}

export interface TaskFacts {
  task_id: string;
  name: string;
  /** null for a plain command. */
  framework: string | null;
  /** Folder of the suite relative to the workspace, "." for its root. */
  suite: string;
  state: TaskState;
  reason: string | null;
  /** The task that this one repeats. In the same run it then decides in the place of that one. */
  retry_of?: string | null | undefined;
  /** Its result was taken over from there instead of running it again. */
  reused_from?: ReusedFrom | null | undefined;
  /** It ran only some cases of its files. */
  is_partial?: boolean | undefined;
  attempts: readonly AttemptFacts[];
}

/** A file that could not even be collected. */
export interface ProblemFacts {
  framework: string;
  suite: string;
  /** As in CaseFacts. */
  file: string;
  message: string;
}

export interface RunFacts {
  run: { run_id: string; name: string; project: string; url: string | null };
  started_at: number;
  ended_at: number;
  environment: Readonly<Record<string, string>>;
  tasks: readonly TaskFacts[];
  problems: readonly ProblemFacts[];
}
