/** Short ways to say what happened in a run. */
import type { AttemptFacts, CaseFacts, RunFacts, TaskFacts } from "./facts.ts";

let made = 0;

export function aCase(name: string, outcome: CaseFacts["outcome"], more: Partial<CaseFacts> = {}): CaseFacts {
  return { test_id: `id of ${name}`, file: "test_a.py", name, outcome, duration_ms: 10, ...more };
}

export function anAttempt(more: Partial<AttemptFacts> = {}): AttemptFacts {
  return {
    attempt: 1,
    worker_id: "w1",
    outcome: "passed",
    ended_at: 2000,
    duration_ms: 100,
    error: null,
    cases: [],
    log_bytes: 0,
    ...more,
  };
}

export function aTask(more: Partial<TaskFacts> = {}): TaskFacts {
  made += 1;
  return {
    task_id: `T${made}`,
    name: "pytest test_a.py",
    framework: "pytest",
    suite: ".",
    state: "completed",
    reason: null,
    attempts: [anAttempt()],
    ...more,
  };
}

export function aRun(tasks: readonly TaskFacts[], more: Partial<RunFacts> = {}): RunFacts {
  return {
    run: { run_id: "R1", name: "demo", project: "default", url: null },
    started_at: 1_000,
    ended_at: 3_500,
    environment: {},
    tasks,
    problems: [],
    ...more,
  };
}
