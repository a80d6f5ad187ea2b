/**
 * What the report of a past run is made of, beside its cases: its tasks with every attempt and the machine of
 * each, in pages that begin after the last one seen, so that a run of any size is read in equal bites.
 */
import type { AttemptOutcome, Capabilities, EndState } from "../core/index.ts";
import type { Reader, SqlRow } from "./reader.ts";

export interface RunTask {
  task_id: string;
  name: string;
  /** Of its configuration, as far as that stands in the log itself; null for a plain command. */
  adapter: string | null;
  suite: string | null;
  /** The blob that holds its configuration, when it was too large for the log. */
  payload_blob: string | null;
  state: EndState | "open";
  reason: string | null;
  retry_of: string | null;
  attempts: RunAttempt[];
}

export interface RunAttempt {
  attempt: number;
  worker_id: string;
  outcome: AttemptOutcome | "lost";
  assigned_at: number;
  ended_at: number;
  duration_ms: number | null;
  error_code: string | null;
  error_message: string | null;
  log_bytes: number | null;
  hw_class: string | null;
  capabilities: Capabilities | null;
  artifacts: { path: string; sha256: string; size_bytes: number }[];
}

export const RUN_REPORT_QUERIES = {
  /** Oldest first. */
  async runTasks(
    db: Reader,
    { run_id, after, limit }: { run_id: string; after: string; limit: number },
  ): Promise<RunTask[]> {
    const tasks = await db.rows(
      `SELECT task_id, name, config->>'$.adapter' AS adapter, config->>'$.suite' AS suite, payload_blob,
              state, reason, retry_of
       FROM tasks WHERE run_id = $1 AND task_id > $2 ORDER BY task_id LIMIT ${Math.trunc(limit)}`,
      [run_id, after],
    );
    const [first, last] = [tasks[0]?.["task_id"], tasks.at(-1)?.["task_id"]];
    if (typeof first !== "string" || typeof last !== "string") return [];
    const range = [run_id, first, last];
    const attempts = await db.rows(ATTEMPTS, range);
    const artifacts = await db.rows(ARTIFACTS, range);
    const machines = await machinesOf(db, attempts);
    const byTask = grouped(attempts, (row) => String(row["task_id"]));
    const byAttempt = grouped(artifacts, attemptKey);
    return tasks.map((task) => ({
      ...(task as unknown as Omit<RunTask, "attempts">),
      attempts: (byTask.get(String(task["task_id"])) ?? []).map((row) => {
        const { task_id: _task, incarnation, ...rest } = row;
        const machine = machines.get(String(incarnation));
        const files = (byAttempt.get(attemptKey(row)) ?? []) as unknown as RunAttempt["artifacts"];
        return {
          ...(rest as unknown as Omit<RunAttempt, "hw_class" | "capabilities" | "artifacts">),
          hw_class: machine?.hw_class ?? null,
          capabilities: machine?.capabilities ?? null,
          artifacts: files.map(({ path, sha256, size_bytes }) => ({ path, sha256, size_bytes })),
        };
      }),
    }));
  },

  /** The newest run before this one with its project and name of which nothing is open. */
  async previousRun(db: Reader, { run_id }: { run_id: string }): Promise<{ run_id: string } | null> {
    const rows = await db.rows(
      `SELECT r.run_id FROM runs r JOIN runs me ON me.run_id = $1
       WHERE r.run_id < $1 AND r.project = me.project AND r.name = me.name
         AND EXISTS (SELECT 1 FROM task_specs s WHERE s.run_id = r.run_id)
         AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.run_id = r.run_id AND t.state = 'open')
       ORDER BY r.run_id DESC LIMIT 1`,
      [run_id],
    );
    const found = rows[0]?.["run_id"];
    return typeof found === "string" ? { run_id: found } : null;
  },
} as const;

const ATTEMPTS = `
  SELECT task_id, attempt, worker_id, incarnation, outcome, assigned_at, ended_at, duration_ms,
         error_code, error_message, log_bytes
  FROM attempts WHERE run_id = $1 AND task_id BETWEEN $2 AND $3 ORDER BY task_id, attempt`;

const ARTIFACTS = `
  SELECT task_id, attempt, path, sha256, size_bytes
  FROM artifacts WHERE run_id = $1 AND task_id BETWEEN $2 AND $3 ORDER BY task_id, attempt, path`;

function grouped(rows: readonly SqlRow[], keyOf: (row: SqlRow) => string): Map<string, SqlRow[]> {
  const groups = new Map<string, SqlRow[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return groups;
}

function attemptKey(row: SqlRow): string {
  return `${String(row["task_id"])} ${String(row["attempt"])}`;
}

interface Machine {
  hw_class: string | null;
  capabilities: Capabilities | null;
}

/** A worker that was started again may be another machine: so by its process. */
async function machinesOf(db: Reader, attempts: readonly SqlRow[]): Promise<Map<string, Machine>> {
  const incarnations = [...new Set(attempts.map((row) => String(row["incarnation"])))];
  const rows = await db.rows(
    `SELECT incarnation, arg_max(hw_class, rowid) AS hw_class, arg_max(capabilities, rowid) AS capabilities
     FROM workers WHERE change = 'registered'
       AND incarnation IN (SELECT unnest(from_json($1, '["VARCHAR"]'))) GROUP BY incarnation`,
    [JSON.stringify(incarnations)],
  );
  return new Map(
    rows.map(({ incarnation, hw_class, capabilities }) => [
      String(incarnation),
      {
        hw_class: typeof hw_class === "string" ? hw_class : null,
        capabilities: typeof capabilities === "string" ? (JSON.parse(capabilities) as Capabilities) : null,
      },
    ]),
  );
}
