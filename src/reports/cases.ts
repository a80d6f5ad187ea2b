/**
 * From attempts to cases: each case counted once, however often it ran.
 *
 * The last attempt that left a document decides; earlier ones only tell whether a case that passes now had
 * failed before. A task that did not succeed and has no failing case to show for it (a command, a time limit,
 * a lost worker) gets one case of its own, because otherwise its failure would be in no report.
 *
 * Equal titles are told apart by their order, so that two cases of one name stay two.
 */
import type { AttemptFacts, CaseFacts, CaseOutcome, ProblemFacts, TaskFacts } from "./facts.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { CaseReport } from "./model.ts";

const FILE_CASE = "(file)";

export function casesOf(task: TaskFacts): CaseReport[] {
  const deciding = task.attempts.findLast((attempt) => attempt.cases !== null);
  const cases = deciding === undefined ? [] : decidedBy(deciding, task);
  const last = task.attempts.at(-1);
  const isComplete = deciding === last && cases.some((it) => isFailure(it.outcome));
  if (task.state === "completed") return task.framework === null ? [...cases, wholeTask(task)] : cases;
  return isComplete ? cases : [...cases, wholeTask(task)];
}

export function isFailure(outcome: CaseOutcome): boolean {
  return outcome === "failed" || outcome === "error";
}

function decidedBy(attempt: AttemptFacts, task: TaskFacts): CaseReport[] {
  const failedBefore = new Set<string>();
  for (const earlier of task.attempts) {
    if (earlier === attempt) break;
    for (const [key, it] of keyed(earlier.cases ?? [])) if (isFailure(it.outcome)) failedBefore.add(key);
  }
  return keyed(attempt.cases ?? []).map(([key, it]) => {
    const repeated = failedBefore.has(key) || (it.retries ?? 0) > 0;
    return { ...reported(it, task), ...by(attempt), flaky: it.outcome === "passed" && repeated };
  });
}

function keyed(cases: readonly CaseFacts[]): [string, CaseFacts][] {
  const seen = new Map<string, number>();
  return cases.map((it) => {
    const nth = seen.get(it.test_id) ?? 0;
    seen.set(it.test_id, nth + 1);
    return [`${it.test_id} ${nth}`, it];
  });
}

function by(attempt: AttemptFacts): Pick<CaseReport, "worker_id" | "attempt"> {
  return { worker_id: attempt.worker_id, attempt: attempt.attempt };
}

function reported(it: CaseFacts, task: TaskFacts): CaseReport {
  return marked({
    ...blank(task),
    test_id: it.test_id,
    file: it.file,
    name: withParameters(it),
    outcome: it.outcome,
    expected_failure: it.expected_failure === true,
    duration_ms: it.duration_ms,
    message: it.message ?? null,
    detail: it.detail ?? null,
    stdout: it.stdout ?? null,
    stderr: it.stderr ?? null,
    task_id: task.task_id,
    reused_from: task.reused_from ?? null,
  });
}

function marked(it: CaseReport): CaseReport {
  return isFailure(it.outcome) ? { ...it, fingerprint: fingerprintOf(it) } : it;
}

/** pytest keeps its parameters within the name; elsewhere they would be missing from it. */
function withParameters({ name, parameters }: CaseFacts): string {
  if (parameters === undefined || parameters === "" || name.includes(parameters)) return name;
  return `${name} [${parameters}]`;
}

function blank({ framework, suite }: { framework: string | null; suite: string }): CaseReport {
  return {
    test_id: null,
    framework,
    suite,
    file: "",
    name: "",
    outcome: "error",
    flaky: false,
    expected_failure: false,
    duration_ms: 0,
    message: null,
    detail: null,
    stdout: null,
    stderr: null,
    fingerprint: null,
    worker_id: null,
    attempt: 0,
    task_id: null,
    reused_from: null,
  };
}

function wholeTask(task: TaskFacts): CaseReport {
  const last = task.attempts.at(-1);
  const failedBefore = task.attempts.some(({ outcome }) => outcome === "failed" || outcome === "timed_out");
  return marked({
    ...blank(task),
    name: task.name,
    outcome: outcomeOf(task),
    flaky: task.state === "completed" && failedBefore,
    duration_ms: last?.duration_ms ?? 0,
    message: whyOf(task),
    ...(last === undefined ? {} : by(last)),
    task_id: task.task_id,
    reused_from: task.reused_from ?? null,
  });
}

function outcomeOf({ state, attempts }: TaskFacts): CaseOutcome {
  if (state === "completed") return "passed";
  if (state === "skipped") return "skipped";
  const last = attempts.at(-1)?.outcome;
  return state === "timed_out" || (state === "failed" && last === "failed") ? "failed" : "error";
}

function whyOf({ state, reason, attempts }: TaskFacts): string | null {
  if (state === "completed") return null;
  const said = reason ?? attempts.at(-1)?.error?.message ?? null;
  const words = state.replace("_", " ");
  return said === null ? words : `${words}: ${said}`;
}

/** Problems of collection, but for files whose run has shown the failure already. */
export function problemCases(problems: readonly ProblemFacts[], cases: readonly CaseReport[]): CaseReport[] {
  const shown = new Set(cases.filter((it) => isFailure(it.outcome)).map(placeOf));
  return problems
    .filter((problem) => problem.file === "" || !shown.has(placeOf(problem)))
    .map((problem) =>
      marked({
        ...blank(problem),
        file: problem.file,
        name: problem.file === "" ? "(collection)" : FILE_CASE,
        message: problem.message,
      }),
    );
}

function placeOf({
  framework,
  suite,
  file,
}: {
  framework: string | null;
  suite: string;
  file: string;
}): string {
  return JSON.stringify([framework, suite, file]);
}
