/** Runs: opened (or attached to by key), listed, cancelled; their cases. */
import type { FastifyInstance } from "fastify";
import { hasEnded, type State } from "../../core/index.ts";
import {
  caseOutcome,
  runInput,
  type CaseOutcome,
  type CaseView,
  type Page,
  type RunInput,
  type RunView,
} from "../../protocol/index.ts";
import type { CasePlace } from "../../results/index.ts";
import { committedNow, fresh, readCommitted, sendCommitted } from "./answers.ts";
import { readBody } from "./body.ts";
import type { HttpContext } from "./context.ts";
import {
  badParameter,
  isProject,
  linkNext,
  makeCursor,
  paramOf,
  readCursor,
  readLimit,
  readQuery,
} from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { byNewest, newestRuns, resultRunView, runView, type RunFilter } from "./run-view.ts";
import { CANCEL, CASES, LIST, MAX_CASES, OPEN, SHOW } from "./runs.api.ts";
import { newId } from "./submission.ts";
import { addWebhooks, checkWebhooks } from "./webhooks.ts";

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
    const query = readQuery(request, ["project", "name", "limit", "cursor", "consistent"]);
    const { project, name } = query;
    if (project !== undefined && !isProject(project)) throw badParameter("project", "not a project's name");
    const filter = { ...(project !== undefined && { project }), ...(name !== undefined && { name }) };
    const slice = { limit: readLimit(query.limit), before: readCursor("runs", query.cursor) };
    const { value, position } = await runPage(context, filter, slice);
    linkNext(request, reply, value);
    return fresh(context, reply, position).send(value);
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
    const query = readQuery(request, ["attempts", "outcome", "limit", "cursor", "consistent"]);
    const outcomes = readOutcomes(query.outcome);
    const run_id = paramOf(request, "id");
    const { position } = await findRun(context, run_id);
    const after = readCursor("cases", query.cursor);
    const limit = readLimit(query.limit, MAX_CASES);
    const attempts = readAttempts(query.attempts);
    const page = await casePage(context, run_id, { limit, after, outcomes, attempts });
    linkNext(request, reply, page);
    return fresh(context, reply, Math.min(position, context.results.status().watermark)).send(page);
  });
}

function openRun(context: HttpContext, input: RunInput): string {
  const { run_key = null, name, project = "default", webhooks = [] } = input;
  checkWebhooks(context, webhooks);
  const run_id = newId(context);
  const command = { type: "open_run", run_id, project, run_key, name: name ?? run_key ?? "" } as const;
  const decision = context.coordinator.loop.execute(command);
  if (decision.kind === "rejected") throw rejected(decision.rejection);
  const opened = decision.answer?.kind === "run" ? decision.answer.run_id : run_id;
  addWebhooks(context, webhooks, opened);
  return opened;
}

function viewOf(state: State, runId: string): RunView {
  const run = state.runs.get(runId);
  if (run === undefined) throw refusal("run_unknown", `no run ${runId.slice(0, 64)}`);
  return runView(state, run);
}

/** @throws Refusal when nobody knows it */
export async function findRun(
  context: HttpContext,
  runId: string,
): Promise<{ value: RunView; position: number }> {
  const { value, position } = await readCommitted(context, (state) => {
    const run = state.runs.get(runId);
    return run === undefined ? null : runView(state, run);
  });
  if (value !== null) return { value, position };
  const old = await context.results.query("run", { run_id: runId });
  if (old === null) throw refusal("run_unknown", `no run ${runId.slice(0, 64)}`);
  return { value: resultRunView(old), position };
}

/**
 * Memory and results as one list. Results hold all runs but the very newest, so whatever of this page memory
 * has forgotten stands among as many of their rows as the page is long.
 */
async function runPage(
  context: HttpContext,
  filter: RunFilter,
  { limit, before }: { limit: number; before: string | null },
): Promise<{ value: Page<RunView>; position: number }> {
  const more = limit + 1;
  const { value: live, position } = await readCommitted(context, (state) =>
    newestRuns(state, { limit: more, before }, filter),
  );
  const asked = { ...filter, limit: more, ...(before !== null && { before_id: before }) };
  const { runs } = context.coordinator.loop.state;
  const shown = new Set(live.map(({ run_id }) => run_id));
  const rows = await context.results.query("runs", asked);
  const old = rows.filter(({ run_id }) => !shown.has(run_id) && !runs.has(run_id)).map(resultRunView);
  const found = [...live, ...old].sort(byNewest);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  const next_cursor = found.length > limit && last !== undefined ? makeCursor("runs", last.run_id) : null;
  return { value: { items, next_cursor }, position };
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

/** The listing grows in its middle while a run goes on: so a page begins after a case, not at a count. */
async function casePage(
  { results }: HttpContext,
  run_id: string,
  { limit, after, outcomes, attempts }: CaseSlice,
): Promise<Page<CaseView>> {
  const place = after === null ? {} : { after: readPlace(after) };
  const filter = outcomes === null ? {} : { outcomes };
  const rows = await results.query("cases", {
    run_id,
    attempts,
    limit: limit + 1,
    ...place,
    ...filter,
  });
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items, next_cursor: hasMore ? makeCursor("cases", writePlace(last)) : null };
}

interface CaseSlice {
  limit: number;
  after: string | null;
  outcomes: CaseOutcome[] | null;
  attempts: "final" | "all";
}

function readAttempts(text: string | undefined): "final" | "all" {
  if (text === undefined || text === "final") return "final";
  if (text === "all") return "all";
  throw badParameter("attempts", `"attempts" must be final or all`);
}

const writePlace = ({ task_id, attempt, case_number }: CasePlace): string =>
  `${task_id}.${attempt}.${case_number}`;

function readPlace(text: string): CasePlace {
  const [task_id = "", attempt, case_number] = text.split(".");
  return { task_id, attempt: Number(attempt), case_number: Number(case_number) };
}

function readOutcomes(text: string | undefined): CaseOutcome[] | null {
  if (text === undefined) return null;
  const known = caseOutcome.options;
  return text.split(",").map((name) => {
    const found = known.find((each) => each === name);
    if (found !== undefined) return found;
    throw badParameter("outcome", `"outcome" takes ${known.join(", ")}, several with commas`);
  });
}
