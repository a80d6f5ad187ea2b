/**
 * How long each file of a suite takes, learned from earlier runs, so that a run can be cut into even parts.
 *
 * Of a file in one run: the sum of its cases, and its share of what the attempt took beyond all its cases
 * (start of the framework, collection), which is split evenly among the attempt's files because nobody knows
 * whose it was. Of a file over runs: the median of the last five. An exponentially weighted mean would follow
 * a change a little sooner, but one run on a cold cache or a throttled machine would move it for the next
 * four; the median needs three such runs, and after a real change it has moved after three as well.
 *
 * Only attempts that went to their own end count, as a timed-out one cuts its files short. Only the last 50
 * runs with cases are looked at: a file that none of them had is one without history.
 */
import type { Reader } from "./reader.ts";

export interface LearnedDuration {
  file: string;
  duration_ms: number;
  /** How many runs it is learned from, at most 5. */
  runs: number;
}

const RUNS_LOOKED_AT = 50;
const RUNS_COUNTED = 5;

const LEARNED = `
  WITH own AS (
    SELECT c.run_id, c.task_id, c.file, sum(c.duration_ms) AS own_ms
    FROM cases c
    WHERE c.project = $1 AND c.framework = $2 AND c.is_final AND c.file <> ''
      AND c.run_id IN (SELECT DISTINCT run_id FROM cases
                       WHERE project = $1 AND framework = $2 AND is_final
                       ORDER BY run_id DESC LIMIT ${RUNS_LOOKED_AT})
      AND ($3 IS NULL OR c.task_id IN (SELECT task_id FROM task_specs WHERE (config->>'suite') = $3))
    GROUP BY ALL),
  attempt_sums AS (SELECT task_id, sum(own_ms) AS cases_ms, count(*) AS files FROM own GROUP BY task_id),
  whole AS (SELECT task_id, duration_ms FROM attempts WHERE is_final AND outcome IN ('passed', 'failed')),
  per_run AS (
    SELECT own.run_id, own.file,
           sum(own.own_ms + greatest(whole.duration_ms - attempt_sums.cases_ms, 0) / attempt_sums.files) AS ms
    FROM own JOIN attempt_sums USING (task_id) JOIN whole USING (task_id)
    GROUP BY ALL),
  latest AS (
    SELECT file, ms FROM per_run
    QUALIFY row_number() OVER (PARTITION BY file ORDER BY run_id DESC) <= ${RUNS_COUNTED})
  SELECT file, median(ms) AS duration_ms, count(*) AS runs FROM latest GROUP BY file ORDER BY file`;

/** @param filter `suite`: only tasks whose config names this suite */
export async function learnedDurations(
  db: Reader,
  { project, framework, suite }: { project: string; framework: string; suite?: string },
): Promise<LearnedDuration[]> {
  const rows = await db.rows(LEARNED, [project, framework, suite ?? null]);
  return rows as unknown as LearnedDuration[];
}
