/**
 * Executes attempts by letting time pass. The payload says how long each attempt takes and how it ends; what
 * really ran, when and where, is written down for the checkers.
 */
import type { AttemptResult } from "../core/index.ts";
import type { Assignment } from "../protocol/index.ts";
import type { Clock } from "../ports/index.ts";
import type { Executor, RunningAttempt } from "../worker/index.ts";

/** What a simulated task carries as its `config`. */
export interface SimPlan {
  /** By attempt; the last one repeats. */
  attempts: { duration_ms: number; outcome: "passed" | "failed" | "infrastructure" }[];
}

export interface Execution {
  task_id: string;
  attempt: number;
  worker_id: string;
  from: number;
  to: number | null;
  outcome: string | null;
  /** Its machine stood still for a while. */
  paused: boolean;
}

const START_MS = 5;
const KILL_MS = 30;

export interface SimExecutorOptions {
  workerId: string;
  clock: Clock;
  onStart: (execution: Execution) => void;
  onCancel: (reason: string) => void;
}

export function createSimExecutor(options: SimExecutorOptions): Executor {
  return {
    start: (assignment, onStarted) => execute(options, assignment, onStarted),
    close: () => Promise.resolve(),
  };
}

function execute(options: SimExecutorOptions, assignment: Assignment, onStarted: () => void): RunningAttempt {
  const { clock, workerId: worker_id, onStart } = options;
  const { task_id, attempt } = assignment;
  const execution: Execution = {
    task_id,
    attempt,
    worker_id,
    from: clock.monotonic(),
    to: null,
    outcome: null,
    paused: false,
  };
  onStart(execution);
  const step = stepOf(assignment);
  let finish: (result: AttemptResult) => void = () => {};
  const done = new Promise<AttemptResult>((resolve) => {
    finish = resolve;
  });
  const startedAt = clock.now();
  const end = (outcome: AttemptResult["outcome"]): void => {
    if (execution.to !== null) return;
    execution.to = clock.monotonic();
    execution.outcome = outcome;
    finish(resultOf(outcome, { startedAt, durationMs: execution.to - execution.from }));
  };
  clock.after(START_MS, () => {
    if (execution.to === null) onStarted();
  });
  const isTooLong = step.duration_ms > assignment.timeout_ms;
  clock.after(START_MS + Math.min(step.duration_ms, assignment.timeout_ms), () =>
    end(isTooLong ? "timed_out" : step.outcome),
  );
  const cancel = (reason: string): void => {
    options.onCancel(reason);
    clock.after(KILL_MS, () => end("cancelled"));
  };
  return { done, cancel };
}

function stepOf(assignment: Assignment): SimPlan["attempts"][number] {
  const payload = typeof assignment.payload === "string" ? assignment.payload : "{}";
  const { attempts } = (JSON.parse(payload) as { config: SimPlan }).config;
  return attempts[Math.min(assignment.attempt, attempts.length) - 1] ?? { duration_ms: 1, outcome: "passed" };
}

function resultOf(
  outcome: AttemptResult["outcome"],
  times: { startedAt: number; durationMs: number },
): AttemptResult {
  return {
    outcome,
    exit_code: outcome === "passed" ? 0 : 1,
    signal: null,
    started_at: times.startedAt,
    duration_ms: times.durationMs,
    usage: null,
    counts: null,
    document: null,
    log_bytes: 0,
    error: null,
  };
}
