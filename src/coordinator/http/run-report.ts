/**
 * What the report of a run is made of, for any run: the client puts it together, because a report of a
 * hundred thousand cases is seconds of work that this process must not spend.
 *
 * It comes from the results, which keep what memory has forgotten; of a task that is still open, memory says
 * where it is.
 */
import type { FastifyInstance } from "fastify";
import type { Page, RunTaskView, RunView } from "../../protocol/index.ts";
import type { RunTask } from "../../results/index.ts";
import { fresh, readCommitted } from "./answers.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { makeCursor, paramOf, readCursor, readLimit, readQuery } from "./query.ts";
import { MAX_TASKS, PREVIOUS, TASKS } from "./run-report.api.ts";
import { findRun } from "./runs.ts";
import { configOf } from "./task-view.ts";

const LISTING = "run-tasks";

export function runReportRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/runs/:id/tasks", TASKS, async (request, reply) => {
    const query = readQuery(request, ["limit", "cursor"]);
    const run_id = paramOf(request, "id");
    const after = readCursor(LISTING, query.cursor) ?? "";
    const limit = readLimit(query.limit, MAX_TASKS);
    await caughtUp(context);
    const { position } = await findRun(context, run_id);
    const page = await taskPage(context, { run_id, after, limit });
    return fresh(context, reply, Math.min(position, context.results.status().watermark)).send(page);
  });
  app.get("/api/runs/:id/previous", PREVIOUS, async (request, reply) => {
    readQuery(request, []);
    const run_id = paramOf(request, "id");
    await caughtUp(context);
    const { position } = await findRun(context, run_id);
    const found = await context.results.query("previousRun", { run_id });
    const run: RunView | null = found === null ? null : (await findRun(context, found.run_id)).value;
    return fresh(context, reply, position).send({ run });
  });
}

async function taskPage(
  context: HttpContext,
  { run_id, after, limit }: { run_id: string; after: string; limit: number },
): Promise<Page<RunTaskView>> {
  const rows = await context.results.query("runTasks", { run_id, after, limit: limit + 1 });
  const shown = rows.slice(0, limit);
  const states = await statesInMemory(context, shown);
  const items: RunTaskView[] = [];
  for (const row of shown) items.push(await taskView(context, row, states.get(row.task_id)));
  const last = items.at(-1);
  const next_cursor = rows.length > limit && last !== undefined ? makeCursor(LISTING, last.task_id) : null;
  return { items, next_cursor };
}

async function statesInMemory(
  context: HttpContext,
  rows: readonly RunTask[],
): Promise<Map<string, RunTaskView["state"]>> {
  const open = rows.filter(({ state }) => state === "open");
  const { value } = await readCommitted(context, (state) =>
    open.flatMap(({ task_id }) => {
      const task = state.tasks.get(task_id);
      return task === undefined ? [] : [[task_id, task.status.state] as const];
    }),
  );
  return new Map(value);
}

async function taskView(
  context: HttpContext,
  row: RunTask,
  now: RunTaskView["state"] | undefined,
): Promise<RunTaskView> {
  const { task_id, name, reason, retry_of } = row;
  const { adapter, suite } = await frameworkOf(context, row);
  return {
    task_id,
    name,
    framework: adapter,
    suite: suite ?? ".",
    state: row.state === "open" ? (now ?? "pending") : row.state,
    reason,
    retry_of,
    attempts: row.attempts.map(attemptView),
  };
}

function attemptView(row: RunTask["attempts"][number]): RunTaskView["attempts"][number] {
  const { attempt, worker_id, outcome, assigned_at, ended_at, error_code, error_message } = row;
  const { artifacts, hw_class, capabilities } = row;
  const code = error_code ?? (outcome === "lost" ? "worker_lost" : outcome);
  return {
    attempt,
    worker_id,
    outcome,
    ended_at,
    duration_ms: row.duration_ms ?? Math.max(0, ended_at - assigned_at),
    error: error_message === null ? null : { code, message: error_message },
    log_bytes: row.log_bytes ?? 0,
    artifacts,
    hw_class,
    capabilities,
  };
}

type Framework = Pick<RunTask, "adapter" | "suite">;

/** A large configuration is a blob, and may be gone by now. */
async function frameworkOf({ blobs, logger }: HttpContext, row: RunTask): Promise<Framework> {
  if (row.payload_blob === null) return row;
  try {
    const config = configOf(Buffer.from(await blobs.get(row.payload_blob)).toString("utf8"));
    const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
    return { adapter: text(config["adapter"]), suite: text(config["suite"]) };
  } catch (error) {
    logger.warn("a task is reported without its framework", { task: row.task_id, reason: String(error) });
    return row;
  }
}
