/** From the facts of a run to its report. */
import { problemCases } from "./cases.ts";
import type { AttemptFacts, HardwareFacts, RunFacts, TaskFacts } from "./facts.ts";
import type { AttemptReport, CaseReport, RunReport, TaskReport, Totals } from "./model.ts";
import { casesOfChain, chainsOf, newestOf } from "./retries.ts";
import { verdict } from "./verdict.ts";

export function buildReport(facts: RunFacts): RunReport {
  const chains = chainsOf(facts.tasks);
  const tasks = chains.map(newestOf);
  const ran = chains.flatMap(casesOfChain);
  const cases = [...ran, ...problemCases(facts.problems, ran)];
  const totals = count(cases, facts.tasks.length);
  return {
    run: facts.run,
    started_at: facts.started_at,
    ended_at: facts.ended_at,
    duration_ms: Math.max(0, facts.ended_at - facts.started_at),
    verdict: verdict(tasks, totals),
    totals,
    environment: { ...facts.environment },
    merged_from: [],
    hardware: hardwareOf(facts.tasks),
    // What was taken over has cost this run nothing.
    workers: workersOf(facts.tasks.filter(({ reused_from }) => reused_from == null)),
    previous: null,
    tasks: facts.tasks.map(taskReport),
    cases,
  };
}

function count(cases: readonly CaseReport[], tasks: number): Totals {
  const none = { passed: 0, failed: 0, error: 0, skipped: 0, flaky: 0, reused: 0 };
  const totals: Totals = { tasks, cases: cases.length, ...none };
  for (const it of cases) {
    totals[it.outcome] += 1;
    if (it.flaky) totals.flaky += 1;
    if (it.reused_from !== null) totals.reused += 1;
  }
  return totals;
}

function hardwareOf(tasks: readonly TaskFacts[]): HardwareFacts[] {
  const found = new Map<string, HardwareFacts>();
  for (const { hardware } of tasks.flatMap(({ attempts }) => attempts))
    if (hardware != null) found.set(hardware.hw_class, hardware);
  return [...found.values()].sort((a, b) => (a.hw_class < b.hw_class ? -1 : 1));
}

function workersOf(tasks: readonly TaskFacts[]): RunReport["workers"] {
  const workers = new Map<string, RunReport["workers"][number]>();
  // What was reused kept nobody busy in this run.
  const ran = tasks.filter(({ reused_from }) => (reused_from ?? null) === null);
  for (const { worker_id, duration_ms } of ran.flatMap(({ attempts }) => attempts)) {
    const worker = workers.get(worker_id) ?? { worker_id, attempts: 0, busy_ms: 0 };
    worker.attempts += 1;
    worker.busy_ms += duration_ms;
    workers.set(worker_id, worker);
  }
  return [...workers.values()].sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1));
}

function taskReport(task: TaskFacts): TaskReport {
  const { task_id, name, framework, suite, state, reason, reused_from = null } = task;
  const attempts = task.attempts.map(attemptReport);
  return { task_id, name, framework, suite, state, reason, reused_from, attempts };
}

function attemptReport(facts: AttemptFacts): AttemptReport {
  const { attempt, worker_id, outcome, ended_at, duration_ms, error, log_bytes } = facts;
  return {
    attempt,
    worker_id,
    outcome,
    ended_at,
    duration_ms,
    error,
    log_bytes,
    log_tail: facts.log_tail ?? null,
    artifacts: [...(facts.artifacts ?? [])],
    hardware: facts.hardware?.hw_class ?? null,
  };
}
