/**
 * The cases of a run that count, page by page.
 *
 * Of a task's attempts the last one counts. Of a task and its retries the newest that reported cases does: it
 * takes the place of everything that earlier tries reported, or, where it ran only some cases
 * (`config.cases`), of just those. Nearly no run has retries, so they are looked for first, and what they
 * replace is only looked up where there are some.
 */
import type { CaseOutcome } from "../protocol/index.ts";
import { conditions, wholeNumber } from "./conditions.ts";
import type { Reader } from "./reader.ts";

export interface ResultCase {
  task_id: string;
  attempt: number;
  is_final: boolean;
  case_number: number;
  test_id: string;
  framework: string;
  file: string;
  name: string;
  parameters: string | null;
  outcome: CaseOutcome;
  duration_ms: number;
  message: string | null;
  detail: string | null;
  stdout: string | null;
  stderr: string | null;
  retries: number | null;
  expected_failure: boolean | null;
  worker_id: string;
}

/** A case's place in the order of the listing. */
export type CasePlace = Pick<ResultCase, "task_id" | "attempt" | "case_number">;

/** Of one run or one task; `attempts: "final"` (the default) leaves out what a retry made void. */
export type CaseFilter = ({ run_id: string } | { task_id: string }) & {
  outcomes?: readonly CaseOutcome[];
  attempts?: "final" | "all";
  /** Only what stands behind it. */
  after?: CasePlace;
  limit?: number;
};

const COLUMNS = `task_id, attempt, is_final, case_number, test_id, framework, file, name, parameters, outcome,
  duration_ms, message, detail, stdout, stderr, retries, expected_failure, worker_id`;

export async function listCases(db: Reader, filter: CaseFilter): Promise<ResultCase[]> {
  const run_id = "run_id" in filter ? filter.run_id : undefined;
  const { where, values } = conditions([
    ["run_id = ?", run_id],
    ["task_id = ?", "task_id" in filter ? filter.task_id : undefined],
    // A list in one value; the names are checked at the edge and here only compared.
    ["list_contains(string_split(?, ','), outcome)", filter.outcomes?.join(",")],
    ["task_id >= ?", filter.after?.task_id],
  ]);
  const parts = [where];
  if (filter.attempts !== "all") parts.push("AND is_final");
  if (filter.after !== undefined) parts.push(`AND ${behind(filter.after, values)}`);
  if (filter.attempts !== "all" && run_id !== undefined && (await hasRetries(db, run_id))) {
    parts.push(`AND ${COUNTS}`);
  }
  const rows = await db.rows(
    `SELECT ${COLUMNS} FROM cases c ${parts.join(" ")} ORDER BY task_id, attempt, case_number
     LIMIT ${wholeNumber(filter.limit ?? Infinity)}`,
    values,
  );
  return rows as unknown as ResultCase[];
}

/** Adds its value to those of the statement. */
function behind({ task_id, attempt, case_number }: CasePlace, values: string[]): string {
  values.push(task_id);
  const [at, tried, nth] = [`$${values.length}`, wholeNumber(attempt), wholeNumber(case_number)];
  return `(task_id > ${at} OR attempt > ${tried} OR (attempt = ${tried} AND case_number > ${nth}))`;
}

async function hasRetries(db: Reader, run_id: string): Promise<boolean> {
  const sql = "SELECT 1 FROM task_specs WHERE run_id = $1 AND retry_of IS NOT NULL LIMIT 1";
  return (await db.rows(sql, [run_id])).length > 0;
}

/** $1 is the run. `later` pairs each task with every later try of it, near and far. */
const COUNTS = `NOT EXISTS (
  WITH RECURSIVE again AS (
    SELECT retry_of AS old, task_id AS newer, json_exists(config, '$.cases') AS is_partial
    FROM task_specs WHERE run_id = $1 AND retry_of IS NOT NULL),
  later AS (
    SELECT old, newer, is_partial FROM again
    UNION ALL
    SELECT later.old, again.newer, again.is_partial FROM later JOIN again ON again.old = later.newer)
  SELECT 1 FROM later JOIN cases n ON n.task_id = later.newer
  WHERE n.run_id = $1 AND n.is_final AND later.old = c.task_id
    AND (NOT coalesce(later.is_partial, false) OR n.test_id = c.test_id))`;
