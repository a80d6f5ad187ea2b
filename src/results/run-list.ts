/** Runs with what became of their tasks: the page is picked first, so that tasks are counted for it alone. */
import type { EndState } from "../core/index.ts";
import { conditions, wholeNumber } from "./conditions.ts";
import type { Reader, SqlRow } from "./reader.ts";
import { toCounts, type ResultState } from "./result-state.ts";

export interface ResultRun {
  run_id: string;
  project: string;
  run_key: string | null;
  name: string;
  opened_at: number;
  total: number;
  counts: Record<ResultState, number>;
  /** Of these, what a newer task of the run repeats. */
  superseded: Record<EndState, number>;
  /** Of its last task that has ended. */
  ended_at: number | null;
}

export interface RunFilter {
  run_id?: string;
  project?: string;
  run_key?: string;
  /** Part of the name. */
  name?: string;
  /** Only older ones. */
  before_id?: string;
  limit: number;
}

/** Newest first. */
export async function selectRuns(db: Reader, { limit, ...filter }: RunFilter): Promise<ResultRun[]> {
  const { where, values } = conditions([
    ["run_id = ?", filter.run_id],
    ["project = ?", filter.project],
    ["run_key = ?", filter.run_key],
    ["contains(name, ?)", filter.name],
    ["run_id < ?", filter.before_id],
  ]);
  const picked = `SELECT run_id, project, run_key, name, opened_at FROM runs ${where}
    ORDER BY run_id DESC LIMIT ${wholeNumber(limit)}`;
  const runs = await db.rows(picked, values);
  if (runs.length === 0) return [];
  const counted = await db.rows(
    `WITH picked AS (${picked}),
          of_them AS (SELECT * FROM tasks WHERE run_id IN (SELECT run_id FROM picked))
     SELECT run_id, state, count(*) AS n, max(ended_at) AS ended_at,
            (run_id, task_id) IN (SELECT (run_id, retry_of) FROM of_them WHERE retry_of IS NOT NULL)
              AS superseded
     FROM of_them GROUP BY ALL`,
    values,
  );
  const byRun = new Map(runs.map((run) => [run["run_id"], [] as SqlRow[]]));
  for (const row of counted) byRun.get(row["run_id"])?.push(row);
  return runs.map((run) => withCounts(run, byRun.get(run["run_id"]) ?? []));
}

function withCounts(run: SqlRow, rows: readonly SqlRow[]): ResultRun {
  const { open: _, ...superseded } = toCounts(rows.filter((row) => row["superseded"] === true));
  const total = rows.reduce((sum, row) => sum + Number(row["n"]), 0);
  const ends = rows.flatMap((row) => (row["ended_at"] === null ? [] : [Number(row["ended_at"])]));
  const ended_at = ends.length === 0 ? null : Math.max(...ends);
  return { ...run, total, counts: toCounts(rows), superseded, ended_at } as unknown as ResultRun;
}
