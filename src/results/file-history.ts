/**
 * What earlier runs say of the files of a suite: which failed lately, and which have passed with the very
 * inputs of today.
 */
import type { Reader } from "./reader.ts";
import type { ResultCase } from "./queries.ts";

export interface FileFailures {
  file: string;
  /** Of its last runs, at most 10. */
  failed_runs: number;
  /** How many of its runs have passed since; 0 when the last one failed. */
  runs_since: number;
}

const RUNS_LOOKED_AT = 50;
const RUNS_COUNTED = 10;

/** A failure that a retry made good counts as well: such a file is worth an early look. */
const FAILURES = `
  WITH outcomes AS (
    SELECT run_id, file, bool_or(outcome IN ('failed', 'error')) AS failed
    FROM cases
    WHERE project = $1 AND framework = $2 AND file <> ''
      AND run_id IN (SELECT DISTINCT run_id FROM cases WHERE project = $1 AND framework = $2
                     ORDER BY run_id DESC LIMIT ${RUNS_LOOKED_AT})
      AND ($3 IS NULL OR task_id IN (SELECT task_id FROM task_specs WHERE (config->>'suite') = $3))
    GROUP BY ALL),
  latest AS (
    SELECT file, failed, row_number() OVER (PARTITION BY file ORDER BY run_id DESC) - 1 AS age FROM outcomes)
  SELECT file, count(*) FILTER (failed) AS failed_runs, min(age) FILTER (failed) AS runs_since
  FROM latest WHERE age < ${RUNS_COUNTED}
  GROUP BY file HAVING bool_or(failed) ORDER BY runs_since, failed_runs DESC, file`;

/** Last failed first. Files that did not fail are not among them. */
export async function recentFailures(
  db: Reader,
  { project, framework, suite }: { project: string; framework: string; suite?: string },
): Promise<FileFailures[]> {
  const rows = await db.rows(FAILURES, [project, framework, suite ?? null]);
  return rows as unknown as FileFailures[];
}

export interface ReusableCase extends ResultCase {
  run_id: string;
  /** The class of machine that it passed on. */
  hw_class: string;
}

/**
 * A task that passed at once, on its first attempt and without a repeat inside; one that ran single cases
 * only says nothing of its files.
 */
const REUSABLE = `
  WITH clean AS (
    SELECT a.task_id, a.hw_class
    FROM attempts_with_hardware a JOIN tasks t USING (task_id)
    WHERE t.project = $1 AND (t.config->>'inputs') = $2 AND (t.config->'cases') IS NULL
      AND t.state = 'completed' AND a.is_final AND a.attempt = 1 AND a.outcome = 'passed')
  SELECT c.task_id, c.attempt, c.is_final, c.case_number, c.test_id, c.framework, c.file, c.name,
         c.parameters, c.outcome, c.duration_ms, c.message, c.detail, c.stdout, c.stderr, c.retries,
         c.expected_failure, c.worker_id, c.run_id, clean.hw_class
  FROM cases c JOIN clean USING (task_id)
  WHERE c.is_final AND c.file <> ''
  QUALIFY dense_rank() OVER (PARTITION BY c.file, clean.hw_class ORDER BY c.task_id DESC) = 1
      AND coalesce(max(c.retries) OVER (PARTITION BY c.file, c.task_id), 0) = 0
  ORDER BY c.task_id, c.case_number`;

/** For each file and class of machine the cases of the newest task that passed with these inputs. */
export async function reusableCases(
  db: Reader,
  { project, inputs }: { project: string; inputs: string },
): Promise<ReusableCase[]> {
  return (await db.rows(REUSABLE, [project, inputs])) as unknown as ReusableCase[];
}
