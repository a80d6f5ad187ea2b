/** The report of any run that a yard knows: put together from what its results keep. */
import { ApiError, type Client } from "../../client/index.ts";
import type { RunTaskView, RunView } from "../../protocol/index.ts";
import {
  buildReport,
  type AttemptFacts,
  type CaseFacts,
  type RunReport,
  type TaskFacts,
} from "../../reports/index.ts";
import { hardwareFacts, withLogTails } from "./attempt-facts.ts";
import { caseFacts } from "./case-facts.ts";

export interface PastRunOptions {
  /** Ends of logs are fetched one by one, and a comparison does not need them. */
  logTails: "fetch" | "leave";
}

export async function pastReport(
  client: Client,
  run: RunView,
  { logTails }: PastRunOptions,
): Promise<RunReport> {
  const cases = await casesByAttempt(client, run.run_id);
  const tasks: TaskFacts[] = [];
  for await (const task of client.runTasks(run.run_id)) tasks.push(taskFacts(task, cases));
  const ends = tasks.flatMap(({ attempts }) => attempts.map(({ ended_at }) => ended_at));
  const { run_id, name, project, opened_at } = run;
  return buildReport({
    run: { run_id, name, project, url: client.url },
    started_at: opened_at,
    ended_at: ends.reduce((latest, at) => Math.max(latest, at), opened_at),
    environment: { coordinator: client.url },
    tasks: logTails === "fetch" ? await withLogTails(client, tasks) : tasks,
    problems: [],
  });
}

/** The run that this one is compared with; null where there is none, or where an older yard cannot say. */
export async function previousReport(client: Client, runId: string): Promise<RunReport | null> {
  try {
    const run = await client.previousRun(runId);
    return run === null ? null : await pastReport(client, run, { logTails: "leave" });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

type Cases = Map<string, CaseFacts[]>;

async function casesByAttempt(
  client: Client,
  runId: string,
): Promise<{ cases: Cases; frameworks: Map<string, string> }> {
  const cases: Cases = new Map();
  const frameworks = new Map<string, string>();
  for await (const it of client.cases(runId, { attempts: "all" })) {
    const key = attemptKey(it.task_id, it.attempt);
    const list = cases.get(key);
    if (list === undefined) cases.set(key, [caseFacts(it)]);
    else list.push(caseFacts(it));
    frameworks.set(it.task_id, it.framework);
  }
  return { cases, frameworks };
}

function attemptKey(taskId: string, attempt: number): string {
  return `${taskId} ${attempt}`;
}

function taskFacts(
  task: RunTaskView,
  { cases, frameworks }: { cases: Cases; frameworks: ReadonlyMap<string, string> },
): TaskFacts {
  const { task_id, name, suite, state, reason, retry_of } = task;
  const framework = task.framework ?? frameworks.get(task_id) ?? null;
  const attempts = task.attempts.map((it): AttemptFacts => {
    const { attempt, worker_id, outcome, ended_at, duration_ms, error, log_bytes, artifacts } = it;
    const hardware = hardwareFacts(it);
    const found = cases.get(attemptKey(task_id, attempt)) ?? null;
    // A suite that reported nothing has left an empty document; the results keep no trace of that.
    const none = framework !== null && outcome === "passed" ? [] : null;
    const shown = {
      attempt,
      worker_id,
      outcome,
      ended_at,
      duration_ms,
      error,
      log_bytes,
      artifacts,
      hardware,
    };
    return { ...shown, cases: found ?? none };
  });
  return { task_id, name, framework, suite, state, reason, retry_of, attempts };
}
