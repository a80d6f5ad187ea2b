/** The routes that bring tasks in: one as people write it, or many at once. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { decide, emptyRun, ulidAfter, type Decision, type Run, type Submit } from "../../core/index.ts";
import {
  bulkEnvelope,
  parseTraceparent,
  type BulkEnvelope,
  type SubmitAnswer,
} from "../../protocol/index.ts";
import { committedNow } from "./answers.ts";
import { jsonBody, readBody } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { badParameter, isProject, readQuery } from "./query.ts";
import { invalid, rejected } from "./refusal.ts";
import { answeredBefore, oncePerKey, readKey, type KeyScope, type Submitted } from "./submission-key.ts";
import { SUBMIT, SUBMIT_MANY } from "./tasks.api.ts";
import { createReasons, resultTaskView, taskView } from "./task-view.ts";
import {
  joinTrace,
  nameTasks,
  newId,
  pointTo,
  readTasks,
  resolveForgotten,
  storeLargePayloads,
} from "./submission.ts";
import { addWebhooks, checkWebhooks } from "./webhooks.ts";

const DEFAULT_PROJECT = "default";

interface Order {
  inputs: readonly unknown[];
  pointerOf: (index: number) => string;
  /** An open run, or what a new one is called. */
  run: { run_id: string } | { run_key: string | null; name: string | null };
  /** Told of the run's ends. */
  webhooks?: readonly string[];
  project: string | null;
  /** The trace that the caller is within. */
  traceparent?: string | undefined;
}

export function submitRoutes(app: FastifyInstance, context: HttpContext): void {
  app.post("/api/tasks", SUBMIT, async (request, reply) => {
    const { run_id, project } = readQuery(request, ["run_id", "project"]);
    if (project !== undefined && !isProject(project)) throw badParameter("project", "not a project's name");
    const run = run_id === undefined ? { run_key: null, name: null } : { run_id };
    const input = jsonBody(request);
    if (typeof input === "object" && input !== null && "matrix" in input) {
      const message = "a task with a matrix becomes many: send it to /api/tasks/bulk";
      throw invalid([{ pointer: "/matrix", code: "matrix_invalid", message }]);
    }
    const order = { inputs: [input], pointerOf: () => "", run, project: project ?? null };
    const answer = await submitOnce(context, request, order);
    return answerOne(context, reply, answer);
  });
  app.post("/api/tasks/bulk", SUBMIT_MANY, async (request, reply) => {
    readQuery(request, []);
    const order = readBulk(readBody(request, bulkEnvelope));
    const answer = await submitOnce(context, request, order);
    await committedNow(context, reply);
    const { run_id, first_task_id, count, replayed } = answer;
    const task_ids = Array.from({ length: count }, (_, i) => ulidAfter(first_task_id, i));
    return reply.code(201).send({ run_id, task_ids, replayed } satisfies SubmitAnswer);
  });
}

export async function answerOne(
  context: HttpContext,
  reply: FastifyReply,
  answer: Submitted,
): Promise<FastifyReply> {
  const { run_id, first_task_id: task_id, replayed } = answer;
  const { coordinator, results } = context;
  const task = coordinator.loop.state.tasks.get(task_id);
  const live = task === undefined ? null : taskView(task, createReasons(coordinator)(task));
  await committedNow(context, reply);
  const row = live === null ? await results.query("task", { task_id }) : null;
  const view = live ?? (row === null ? { task_id, run_id } : resultTaskView(row));
  return reply
    .code(201)
    .header("location", `/api/tasks/${task_id}`)
    .send({ ...view, replayed });
}

function readBulk({ run_id, run, project, tasks }: BulkEnvelope): Order {
  if (run_id !== undefined && run !== undefined) {
    const message = `give "run_id" for an open run or "run" for a new one, not both`;
    throw invalid([{ pointer: "/run", code: "invalid_value", message }]);
  }
  const { run_key = null, name = null, webhooks = [] } = run ?? {};
  return {
    inputs: tasks,
    pointerOf: (index) => `/tasks/${index}`,
    run: run_id === undefined ? { run_key, name } : { run_id },
    project: project ?? null,
    webhooks,
  };
}

/** Decides a submission; its answer may leave once everything decided so far is committed. */
async function submitOnce(context: HttpContext, request: FastifyRequest, order: Order): Promise<Submitted> {
  const { traceparent } = request.headers;
  if (typeof traceparent === "string" && parseTraceparent(traceparent) !== null)
    order.traceparent = traceparent;
  const idempotency = readKey(request);
  const project = order.project ?? projectOfRun(context, order) ?? DEFAULT_PROJECT;
  return oncePerKey(context, { project, idempotency }, () =>
    decideOrder(context, { order, project, idempotency }),
  );
}

function projectOfRun({ coordinator }: HttpContext, { run }: Order): string | null {
  if (!("run_id" in run)) return null;
  return coordinator.loop.state.runs.get(run.run_id)?.project ?? null;
}

interface Given extends KeyScope {
  order: Order;
}

async function decideOrder(context: HttpContext, { order, project, idempotency }: Given): Promise<Submitted> {
  const { webhooks = [] } = order;
  checkWebhooks(context, webhooks);
  const { run, isNew } = findRun(context, order, project);
  const { drafts, pointerOf } = readTasks(order.inputs, order.pointerOf);
  if (order.traceparent !== undefined) joinTrace(drafts, order.traceparent);
  const tasks = nameTasks(context, drafts, { owner: { run_id: run.run_id, project }, pointerOf });
  const resolved = await resolveForgotten(context, tasks);
  const known = await answeredBefore(context, { project, idempotency });
  if (known !== null) return known;
  await storeLargePayloads(context, tasks);
  const submission_id = newId(context);
  const command: Submit = {
    type: "submit",
    submission_id,
    project,
    run_id: run.run_id,
    tasks,
    idempotency,
    resolved,
  };
  const decision = execute(context, { command, run, isNew, webhooks });
  if (decision.kind === "rejected") {
    const { rejection } = decision;
    const { code, message, details } = rejection;
    if (!code.startsWith("dependency_")) throw rejected(rejection);
    throw rejected(rejection, [{ pointer: pointTo(command, details, pointerOf), code, message }]);
  }
  if (decision.answer?.kind !== "submitted") throw new TypeError("a submission has one kind of answer");
  return decision.answer;
}

export type NewRun = Pick<Run, "run_id" | "project" | "run_key" | "name">;

function findRun({ coordinator, clock, random }: HttpContext, { run }: Order, project: string): FoundRun {
  const { runs, runKeys } = coordinator.loop.state;
  if ("run_id" in run) {
    const { run_id } = run;
    return { run: runs.get(run_id) ?? { run_id, project, run_key: null, name: "" }, isNew: false };
  }
  const { run_key } = run;
  const attached = run_key === null ? undefined : runs.get(runKeys.get(`${project}/${run_key}`) ?? "");
  if (attached !== undefined) return { run: attached, isNew: false };
  const run_id = newId({ clock, random } as HttpContext);
  return { run: { run_id, project, run_key, name: run.name ?? run_key ?? "" }, isNew: true };
}

interface FoundRun {
  run: NewRun;
  isNew: boolean;
}

/**
 * A run of its own is opened with the submission or not at all. So a refusal is looked for first, on the
 * state as it would be with the run; nothing can come in between, for nothing here waits.
 */
export function execute(
  context: HttpContext,
  {
    command,
    run,
    isNew,
    webhooks = [],
  }: { command: Submit; run: NewRun; isNew: boolean; webhooks?: readonly string[] },
): Decision {
  const { loop } = context.coordinator;
  if (!isNew) {
    if (webhooks.length > 0) addWebhooks(context, webhooks, run.run_id);
    return loop.execute(command);
  }
  const { project, idempotency } = command;
  const isRepeated = idempotency !== null && loop.state.idempotency.has(`${project}/${idempotency.key}`);
  if (isRepeated) return loop.execute(command);
  const needsCheck = command.tasks.some(({ dependencies }) => dependencies.length > 0);
  if (needsCheck) {
    const preview = decide(
      { ...loop.state, runs: new Map([[run.run_id, emptyRun(run, loop.now)]]) },
      command,
      loop.now,
    );
    if (preview.kind === "rejected") return preview;
  }
  loop.execute({ type: "open_run", ...run });
  addWebhooks(context, webhooks, run.run_id);
  return loop.execute(command);
}
