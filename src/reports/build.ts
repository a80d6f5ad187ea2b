/** From the facts of a run to its report. */
import { casesOf, problemCases } from "./cases.ts";
import type { RunFacts, TaskFacts } from "./facts.ts";
import type { CaseReport, RunReport, TaskReport, Totals } from "./model.ts";
import { verdict } from "./verdict.ts";

export function buildReport(facts: RunFacts): RunReport {
  const ran = facts.tasks.flatMap(casesOf);
  const cases = [...ran, ...problemCases(facts.problems, ran)];
  const totals = count(cases, facts.tasks.length);
  return {
    run: facts.run,
    started_at: facts.started_at,
    ended_at: facts.ended_at,
    duration_ms: Math.max(0, facts.ended_at - facts.started_at),
    verdict: verdict(facts.tasks, totals),
    totals,
    environment: { ...facts.environment },
    workers: workersOf(facts.tasks),
    tasks: facts.tasks.map(taskReport),
    cases,
  };
}

function count(cases: readonly CaseReport[], tasks: number): Totals {
  const totals: Totals = { tasks, cases: cases.length, passed: 0, failed: 0, error: 0, skipped: 0, flaky: 0 };
  for (const it of cases) {
    totals[it.outcome] += 1;
    if (it.flaky) totals.flaky += 1;
  }
  return totals;
}

function workersOf(tasks: readonly TaskFacts[]): RunReport["workers"] {
  const workers = new Map<string, RunReport["workers"][number]>();
  for (const { worker_id, duration_ms } of tasks.flatMap(({ attempts }) => attempts)) {
    const worker = workers.get(worker_id) ?? { worker_id, attempts: 0, busy_ms: 0 };
    worker.attempts += 1;
    worker.busy_ms += duration_ms;
    workers.set(worker_id, worker);
  }
  return [...workers.values()].sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1));
}

function taskReport(task: TaskFacts): TaskReport {
  const { task_id, name, framework, suite, state, reason } = task;
  const attempts = task.attempts.map(({ attempt, worker_id, outcome, duration_ms, error, log_bytes }) => ({
    attempt,
    worker_id,
    outcome,
    duration_ms,
    error,
    log_bytes,
  }));
  return { task_id, name, framework, suite, state, reason, attempts };
}
