/**
 * The questions that the rest of the system asks, by name. They answer for what has left the coordinator's
 * memory, in the shapes of the HTTP API. A task is `open` here until its end is in the file; what it does
 * until then, the coordinator knows.
 */
import type { EndState, Remembered } from "../core/index.ts";
import type { AttemptView, CaseOutcome, TaskView } from "../protocol/index.ts";
import { digests } from "./digests.ts";
import { selectRuns, type ResultRun } from "./run-list.ts";
import { toCounts, type ResultState } from "./result-state.ts";
import { toJson } from "./json-text.ts";
import { recentFailures, reusableCases } from "./file-history.ts";
import { learnedDurations } from "./learned-durations.ts";
import { listCases } from "./case-list.ts";
import { conditions, wholeNumber } from "./conditions.ts";
import type { Reader, SqlRow } from "./reader.ts";
import { RUN_REPORT_QUERIES } from "./run-report.ts";

export type { ResultRun } from "./run-list.ts";
export type { ResultState } from "./result-state.ts";
export type { CaseFilter, CasePlace, ResultCase } from "./case-list.ts";

export interface ResultTask extends Omit<TaskView, "state"> {
  state: ResultState;
  /** Without the environment. null when it was a blob (`payload_blob`). */
  config: Record<string, unknown> | null;
  payload_blob: string | null;
  workspace: string | null;
  retry_of: string | null;
}

export interface ResultAttempt extends AttemptView {
  ended_at: number;
  /** The task ended with this one. */
  is_final: boolean;
}

export interface ResultArtifact {
  task_id: string;
  attempt: number;
  /** Of the attempt with which the task ended. */
  is_final: boolean;
  path: string;
  sha256: string;
  size_bytes: number;
}

export interface NotPassed {
  task_id: string;
  state: ResultState;
  submitted_at: number;
}

export interface TaskFilter {
  project?: string;
  run_id?: string;
  state?: ResultState;
  /** Only older ones. */
  before_id?: string;
  limit: number;
}

export interface SlowCase {
  task_id: string;
  test_id: string;
  framework: string;
  file: string;
  name: string;
  parameters: string | null;
  outcome: CaseOutcome;
  duration_ms: number;
}

export const QUERIES = {
  /** How tasks ended; one that is unknown or open is missing from the answer. */
  async endedStates(db: Reader, { task_ids }: { task_ids: string[] }): Promise<Record<string, EndState>> {
    // One JSON value: a parameter for each id took 206 ms for 10,000 of them among a million, this 39.
    const rows = await db.rows(
      `SELECT task_id, state FROM task_ends
       WHERE task_id IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`,
      [toJson(task_ids)],
    );
    return Object.fromEntries(rows.map((row) => [String(row["task_id"]), row["state"] as EndState]));
  },

  async task(db: Reader, { task_id }: { task_id: string }): Promise<ResultTask | null> {
    const picked = "SELECT task_id FROM task_specs WHERE task_id = $1 LIMIT 1";
    return (await selectTasks(db, picked, [task_id]))[0] ?? null;
  },

  /** Newest first. */
  async tasks(db: Reader, { limit, state, ...filter }: TaskFilter): Promise<ResultTask[]> {
    const { where, values } = conditions([
      ["project = ?", filter.project],
      ["run_id = ?", filter.run_id],
      ["state = ?", state],
      ["task_id < ?", filter.before_id],
    ]);
    // Without a state the ends are not needed to pick the page.
    const from = state === undefined ? "task_specs" : "tasks";
    const picked = `SELECT task_id FROM ${from} ${where} ORDER BY task_id DESC LIMIT ${wholeNumber(limit)}`;
    return selectTasks(db, picked, values);
  },

  async attempts(db: Reader, { task_id }: { task_id: string }): Promise<ResultAttempt[]> {
    const rows = await db.rows("SELECT * FROM attempts WHERE task_id = $1 ORDER BY attempt", [task_id]);
    return rows.map(toAttempt);
  },

  cases: listCases,

  /** Of one task, all its attempts. */
  async artifacts(
    db: Reader,
    { task_id, attempt, path }: { task_id: string; attempt?: number; path?: string },
  ): Promise<ResultArtifact[]> {
    const { where, values } = conditions([
      ["task_id = ?", task_id],
      ["attempt = CAST(? AS BIGINT)", attempt === undefined ? undefined : String(attempt)],
      ["path = ?", path],
    ]);
    const rows = await db.rows(
      `SELECT task_id, attempt, is_final, path, sha256, size_bytes FROM artifacts ${where}
       ORDER BY attempt, path LIMIT ${wholeNumber(Infinity)}`,
      values,
    );
    return rows as unknown as ResultArtifact[];
  },

  /** Tasks of a run with how often each was tried, oldest first. */
  async runAttempts(
    db: Reader,
    { run_id, from, limit }: { run_id: string; from: string; limit: number },
  ): Promise<{ task_id: string; attempts: number }[]> {
    const rows = await db.rows(
      `WITH picked AS (
         SELECT task_id FROM task_specs WHERE run_id = $1 AND task_id >= $2
         ORDER BY task_id LIMIT ${wholeNumber(limit)})
       SELECT task_id, coalesce(max(attempt), 0) AS attempts
       FROM picked LEFT JOIN attempts USING (task_id) GROUP BY task_id ORDER BY task_id`,
      [run_id, from],
    );
    return rows as unknown as { task_id: string; attempts: number }[];
  },

  async run(db: Reader, { run_id }: { run_id: string }): Promise<ResultRun | null> {
    return (await selectRuns(db, { run_id, limit: 1 }))[0] ?? null;
  },

  /** Newest first. */
  runs: selectRuns,

  /** Tasks of the run that ended without success, and that no other repeats. */
  async notPassed(db: Reader, { run_id }: { run_id: string }): Promise<NotPassed[]> {
    const rows = await db.rows(
      `SELECT task_id, state, submitted_at FROM tasks
       WHERE run_id = $1 AND state NOT IN ('completed', 'open')
         AND task_id NOT IN (SELECT retry_of FROM task_specs WHERE retry_of IS NOT NULL)
       ORDER BY task_id`,
      [run_id],
    );
    return rows as unknown as NotPassed[];
  },

  /** What repeats these tasks, for those that something does. */
  async retries(db: Reader, { task_ids }: { task_ids: string[] }): Promise<Record<string, string>> {
    const rows = await db.rows(
      `SELECT retry_of, task_id FROM task_specs
       WHERE retry_of IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`,
      [toJson(task_ids)],
    );
    return Object.fromEntries(rows.map((row) => [String(row["retry_of"]), String(row["task_id"])]));
  },

  async runByKey(db: Reader, { project, key }: { project: string; key: string }): Promise<ResultRun | null> {
    return (await selectRuns(db, { project, run_key: key, limit: 1 }))[0] ?? null;
  },

  /** What a submission with this key was answered, however long ago. */
  async submissionByKey(
    db: Reader,
    { project, key }: { project: string; key: string },
  ): Promise<Remembered | null> {
    const rows = await db.rows(
      `SELECT body_hash, submission_id, run_id, first_task_id, task_count AS count, sealed_at AS at
       FROM submissions WHERE project = $1 AND idempotency_key = $2 ORDER BY rowid DESC LIMIT 1`,
      [project, key],
    );
    return (rows[0] as unknown as Remembered | undefined) ?? null;
  },

  async counts(
    db: Reader,
    filter: { project?: string; run_id?: string },
  ): Promise<Record<ResultState, number>> {
    const { where, values } = conditions([
      ["project = ?", filter.project],
      ["run_id = ?", filter.run_id],
    ]);
    const rows = await db.rows(`SELECT state, count(*) AS n FROM tasks ${where} GROUP BY state`, values);
    return toCounts(rows);
  },

  /** The cases of a run that took longest, as far as they count. */
  async slowest(db: Reader, { run_id, limit }: { run_id: string; limit: number }): Promise<SlowCase[]> {
    const rows = await db.rows(
      `SELECT task_id, test_id, framework, file, name, parameters, outcome, duration_ms
       FROM cases WHERE run_id = $1 AND is_final
       ORDER BY duration_ms DESC, test_id LIMIT ${wholeNumber(limit)}`,
      [run_id],
    );
    return rows as unknown as SlowCase[];
  },

  learnedDurations,

  digests,
  recentFailures,
  reusableCases,
  ...RUN_REPORT_QUERIES,
} as const;

export type QueryName = keyof typeof QUERIES;
export type QueryParams<N extends QueryName> = Parameters<(typeof QUERIES)[N]>[1];
export type QueryAnswer<N extends QueryName> = Awaited<ReturnType<(typeof QUERIES)[N]>>;

export function isQueryName(name: string): name is QueryName {
  return Object.hasOwn(QUERIES, name);
}

/** @param picked a query for the ids. They are chosen first, so that the joins see one page only. */
async function selectTasks(db: Reader, picked: string, values: string[]): Promise<ResultTask[]> {
  const rows = await db.rows(
    `WITH picked AS (${picked}),
          tried AS (
            SELECT task_id, count(*) AS attempts, arg_max(started_at, attempt) AS started_at
            FROM attempts WHERE task_id IN (SELECT task_id FROM picked) GROUP BY task_id)
     SELECT t.* EXCLUDE (submission_id, retry_delay_ms, estimate_ms, last_attempt, incarnation),
            coalesce(attempts, 0) AS attempts, started_at
     FROM tasks t LEFT JOIN tried USING (task_id)
     WHERE task_id IN (SELECT task_id FROM picked) ORDER BY task_id DESC`,
    values,
  );
  return rows.map(toTask);
}

function toTask(row: SqlRow): ResultTask {
  const { cpu_milli, memory_mb, gpu_count, ...shown } = row;
  return {
    ...shown,
    requirements: parsed(row["requirements"]),
    dependencies: parsed(row["dependencies"]),
    config: parsed(row["config"]),
    resources: { cpu_milli, memory_mb, gpu: gpu_count },
  } as unknown as ResultTask;
}

function toAttempt(row: SqlRow): ResultAttempt {
  const { cases_passed: passed, cases_failed: failed, cases_skipped: skipped, cases_error: error } = row;
  const { cpu_ms, max_rss_bytes, error_code: code, error_message: message } = row;
  const { task_id, attempt, worker_id, slot, outcome, is_final } = row;
  const { assigned_at, started_at, ended_at, duration_ms, exit_code, signal } = row;
  return {
    task_id,
    attempt,
    worker_id,
    slot,
    state: outcome,
    is_final,
    assigned_at,
    started_at,
    ended_at,
    duration_ms,
    exit_code,
    signal,
    counts: passed === null ? null : { passed, failed, skipped, error },
    usage: cpu_ms === null ? null : { cpu_ms, max_rss_bytes },
    log_bytes: row["log_bytes"] ?? 0,
    error: code === null ? null : { code, message },
  } as unknown as ResultAttempt;
}

function parsed(json: unknown): unknown {
  return typeof json === "string" ? JSON.parse(json) : null;
}
