/** Runs: opened (or attached to by key), listed, cancelled; their cases. */
import type { FastifyInstance } from "fastify";
import { hasEnded, type State } from "../../core/index.ts";
import { runInput, type Page, type RunInput, type RunView } from "../../protocol/index.ts";
import type { ResultCase } from "../../results/index.ts";
import { committedNow, fresh, readCommitted, sendCommitted } from "./answers.ts";
import { readBody } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { makeCursor, paramOf, readCursor, readLimit, readQuery } from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { newestRuns, resultRunView, runView } from "./run-view.ts";
import { CANCEL, CASES, LIST, MAX_CASES, OPEN, SHOW } from "./runs.api.ts";
import { newId } from "./submission.ts";

const CANCELS_PER_TURN = 1_000;

export function runRoutes(app: FastifyInstance, context: HttpContext): void {
  app.post("/api/runs", OPEN, async (request, reply) => {
    readQuery(request, []);
    const run_id = openRun(context, readBody(request, runInput));
    await committedNow(context, reply);
    reply.code(201).header("location", `/api/runs/${run_id}`);
    return sendCommitted(context, reply, (state) => viewOf(state, run_id));
  });
  app.get("/api/runs", LIST, async (request, reply) => {
    const query = readQuery(request, ["limit", "cursor", "consistent"]);
    const slice = { limit: readLimit(query.limit), before: readCursor("runs", query.cursor) };
    return sendCommitted(context, reply, (state) => runPage(state, slice));
  });
  app.get("/api/runs/:id", SHOW, async (request, reply) => {
    readQuery(request, ["consistent"]);
    const { value, position } = await findRun(context, paramOf(request, "id"));
    return fresh(context, reply, position).send(value);
  });
  app.post("/api/runs/:id/cancel", CANCEL, async (request, reply) => {
    readQuery(request, []);
    const run_id = paramOf(request, "id");
    await findRun(context, run_id);
    await cancelRun(context, run_id);
    const { value, position } = await findRun(context, run_id);
    return fresh(context, reply, position).send(value);
  });
  app.get("/api/runs/:id/cases", CASES, async (request, reply) => {
    const query = readQuery(request, ["limit", "cursor", "consistent"]);
    const run_id = paramOf(request, "id");
    const { position } = await findRun(context, run_id);
    const slice = { limit: readLimit(query.limit, MAX_CASES), after: readCursor("cases", query.cursor) };
    const page = await casePage(context, run_id, slice);
    return fresh(context, reply, Math.min(position, context.results.status().watermark)).send(page);
  });
}

function openRun(context: HttpContext, input: RunInput): string {
  const { run_key = null, name, project = "default" } = input;
  const run_id = newId(context);
  const command = { type: "open_run", run_id, project, run_key, name: name ?? run_key ?? "" } as const;
  const decision = context.coordinator.loop.execute(command);
  if (decision.kind === "rejected") throw rejected(decision.rejection);
  return decision.answer?.kind === "run" ? decision.answer.run_id : run_id;
}

function viewOf(state: State, runId: string): RunView {
  const run = state.runs.get(runId);
  if (run === undefined) throw refusal("run_unknown", `no run ${runId.slice(0, 64)}`);
  return runView(run);
}

/** @throws Refusal when nobody knows it */
export async function findRun(
  context: HttpContext,
  runId: string,
): Promise<{ value: RunView; position: number }> {
  const { value, position } = await readCommitted(context, (state) => {
    const run = state.runs.get(runId);
    return run === undefined ? null : runView(run);
  });
  if (value !== null) return { value, position };
  const old = await context.results.query("run", { run_id: runId });
  if (old === null) throw refusal("run_unknown", `no run ${runId.slice(0, 64)}`);
  return { value: resultRunView(old), position };
}

function runPage(state: State, { limit, before }: { limit: number; before: string | null }): Page<RunView> {
  const found = newestRuns(state, { limit: limit + 1, before });
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const next_cursor = found.length > limit && last !== undefined ? makeCursor("runs", last.run_id) : null;
  return { items, next_cursor };
}

/** In parts, so that a run of many tasks does not hold everybody else up. */
async function cancelRun({ coordinator }: HttpContext, run_id: string): Promise<void> {
  const { loop } = coordinator;
  const ids: string[] = [];
  for (const { spec, status } of loop.state.tasks.values()) {
    if (spec.run_id === run_id && !hasEnded(status)) ids.push(spec.task_id);
  }
  for (let i = 0; i < ids.length; i += CANCELS_PER_TURN) {
    for (const task_id of ids.slice(i, i + CANCELS_PER_TURN)) {
      // A task that depended on a cancelled one is skipped already, and refuses.
      loop.execute({ type: "cancel_task", task_id, reason: "its run was cancelled" });
    }
    await loop.committed();
  }
}

/** A case's place in the order of the listing: task, attempt, number. */
const placeOf = ({ task_id, attempt, case_number }: ResultCase): string => {
  const padded = (n: number) => String(n).padStart(7, "0");
  return `${task_id}.${padded(attempt)}.${padded(case_number)}`;
};

/** The listing grows in its middle while a run goes on: so a page begins after a case, not at a count. */
async function casePage(
  { results }: HttpContext,
  run_id: string,
  { limit, after }: { limit: number; after: string | null },
): Promise<Page<ResultCase>> {
  const [from = "", seen = "0"] = after?.split("-") ?? [];
  for (let asked = Number(seen) + limit + 1; ; asked *= 2) {
    const rows = await results.query("cases", { run_id, limit: asked });
    const next = rows.filter((row) => placeOf(row) > from);
    if (next.length <= limit && rows.length >= asked) continue;
    const items = next.slice(0, limit);
    const last = items.at(-1);
    if (next.length <= limit || last === undefined) return { items, next_cursor: null };
    const passed = rows.length - next.length + items.length;
    return { items, next_cursor: makeCursor("cases", `${placeOf(last)}-${passed}`) };
  }
}
