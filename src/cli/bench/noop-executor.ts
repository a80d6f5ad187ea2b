/**
 * Attempts that do nothing, at once and within the worker's process: what is left is the cost of the yard
 * itself. It exists for `testyard bench throughput` alone, whose workers are started for it.
 */
import type { AttemptResult } from "../../core/index.ts";
import type { Executor } from "../../worker/index.ts";

export function createNoopExecutor(): Executor {
  return {
    start(_assignment, onStarted) {
      onStarted();
      return { done: Promise.resolve(nothing(Date.now())), cancel: () => {} };
    },
    close: () => Promise.resolve(),
  };
}

function nothing(now: number): AttemptResult {
  return {
    outcome: "passed",
    exit_code: 0,
    signal: null,
    started_at: now,
    duration_ms: 0,
    usage: null,
    counts: null,
    document: null,
    log_bytes: 0,
    error: null,
  };
}
