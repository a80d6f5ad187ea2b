/**
 * Repeating tasks that have ended.
 *
 * An ended task never changes, so a retry is a new task that names the old one, with the same payload,
 * requirements and limits, in the same run while that is in memory, else in a new one. From then on the
 * newest try is what counts. docs/decisions/0006-retry.md says what that means for runs and cases.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import {
  hasEnded,
  isEndState,
  ulidAfter,
  type EndState,
  type Submit,
  type TaskSpec,
} from "../../core/index.ts";
import { retryRunInput, retryTaskInput, type SubmitAnswer } from "../../protocol/index.ts";
import { committedNow } from "./answers.ts";
import { readOptionalBody } from "./body.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { findSpecs, type Wanted } from "./submitted-specs.ts";
import { paramOf, readQuery } from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { narrowToFailedCases } from "./retry-cases.ts";
import { RETRY as RETRY_RUN } from "./runs.api.ts";
import { findRun } from "./runs.ts";
import { newId, resolveForgotten, storeLargePayloads } from "./submission.ts";
import { answeredAtAll, oncePerKey, readKey, type KeyScope, type Submitted } from "./submission-key.ts";
import { RETRY as RETRY_TASK } from "./tasks.api.ts";
import { answerOne, execute, type NewRun } from "./submit.ts";

export function retryRoutes(app: FastifyInstance, context: HttpContext): void {
  app.post("/api/tasks/:id/retry", RETRY_TASK, async (request, reply) => {
    return answerOne(context, reply, await retryTask(context, request));
  });
  app.post("/api/runs/:id/retry", RETRY_RUN, async (request, reply) => {
    const { run_id, first_task_id, count, replayed } = await retryRun(context, request);
    await committedNow(context, reply);
    const task_ids = Array.from({ length: count }, (_, i) => ulidAfter(first_task_id, i));
    return reply.code(201).send({ run_id, task_ids, replayed } satisfies SubmitAnswer);
  });
}

/** A task to repeat: what was submitted, where it is known already, and how it ended. */
interface Original extends Wanted {
  state: EndState;
  /** null when memory has forgotten it. */
  spec: TaskSpec | null;
}

async function retryTask(context: HttpContext, request: FastifyRequest): Promise<Submitted> {
  readQuery(request, []);
  const { force = false, cases = false } = readOptionalBody(request, retryTaskInput);
  const id = paramOf(request, "id");
  const known = await findTask(context, id);
  const scope = { project: known.project, idempotency: readKey(request) };
  return oncePerKey(context, scope, async () => {
    const before = await answeredAtAll(context, scope);
    if (before !== null) return before;
    const { state } = known;
    if (!isEndState(state)) {
      throw refusal("task_open", `task ${id} is ${state}: only a task that has ended is repeated`);
    }
    if (state === "completed" && !force) {
      throw refusal("task_passed", `task ${id} has succeeded; it is repeated only when that is forced`);
    }
    const original = { ...known, state };
    return repeat(context, { originals: [original], run_id: known.run_id, scope, cases, isAlone: true });
  });
}

async function retryRun(context: HttpContext, request: FastifyRequest): Promise<Submitted> {
  readQuery(request, []);
  const { cases = false } = readOptionalBody(request, retryRunInput);
  const run_id = paramOf(request, "id");
  const { project } = (await findRun(context, run_id)).value;
  const scope = { project, idempotency: readKey(request) };
  return oncePerKey(context, scope, async () => {
    const before = await answeredAtAll(context, scope);
    if (before !== null) return before;
    const originals = await notPassed(context, run_id);
    if (originals.length === 0) {
      return { kind: "submitted", run_id, first_task_id: "", count: 0, replayed: false };
    }
    return repeat(context, { originals, run_id, scope, cases, isAlone: false });
  });
}

type Known = Omit<Original, "state"> & { state: string; run_id: string; project: string };

/** @throws Refusal when nobody knows it, or it was repeated before */
async function findTask(context: HttpContext, task_id: string): Promise<Known> {
  const task = context.coordinator.loop.state.tasks.get(task_id);
  if (task !== undefined) {
    const { spec, status } = task;
    const { run_id, project } = spec;
    return { task_id, submitted_at: 0, state: status.state, spec, run_id, project };
  }
  const row = await context.results.query("task", { task_id });
  if (row === null) throw refusal("task_unknown", `no task ${task_id.slice(0, 128)}`);
  const { submitted_at, state, run_id, project } = row;
  return { task_id, submitted_at, state, spec: null, run_id, project };
}

/** Tasks of the run that ended without success and that none repeats yet, oldest first. */
async function notPassed(context: HttpContext, run_id: string): Promise<Original[]> {
  const { state } = context.coordinator.loop;
  const run = state.runs.get(run_id);
  const found: Original[] = [];
  for (const { spec, status } of state.tasks.values()) {
    if (spec.run_id !== run_id || !hasEnded(status) || status.state === "completed") continue;
    if (state.retries.has(spec.task_id)) continue;
    found.push({ task_id: spec.task_id, submitted_at: 0, state: status.state, spec });
  }
  if (run === undefined || run.remembered < run.total) {
    for (const row of await context.results.query("notPassed", { run_id })) {
      const { task_id } = row;
      if (state.tasks.has(task_id) || state.retries.has(task_id)) continue;
      if (isEndState(row.state)) found.push({ ...row, state: row.state, spec: null });
    }
  }
  return found.sort((a, b) => (a.task_id < b.task_id ? -1 : 1));
}

interface Repeat {
  originals: readonly Original[];
  /** The run that they were of. */
  run_id: string;
  scope: KeyScope;
  /** Only the cases that failed, where that is known. */
  cases: boolean;
  /** Nothing else of the run is repeated with it. */
  isAlone: boolean;
}

async function repeat(context: HttpContext, asked: Repeat): Promise<Submitted> {
  const { originals, scope } = asked;
  const specs = await specsOf(context, originals);
  if (asked.cases) await caughtUp(context);
  const { run, isNew } = runFor(context, asked);
  const first = newId(context);
  const newIds = new Map(originals.map(({ task_id }, i) => [task_id, ulidAfter(first, i)]));
  const latest = await newestTries(
    context,
    specs.flatMap(({ dependencies }) => dependencies).filter((id) => !newIds.has(id)),
  );
  const tasks = specs.map((spec) => {
    const { task_id, dependencies } = spec;
    const now = dependencies.map((id) => newIds.get(id) ?? latest.get(id) ?? id);
    const place = { task_id: newIds.get(task_id) ?? first, run_id: run.run_id, retry_of: task_id };
    return { ...spec, ...place, dependencies: [...new Set(now)] };
  });
  if (asked.cases) await narrowToFailedCases(context, tasks);
  await storeLargePayloads(context, tasks);
  const resolved = await resolveForgotten(context, tasks);
  await refuseRepeated(context, originals);
  if (asked.isAlone) refuseDoomed(context, tasks, resolved);
  if (!isNew) for (const { task_id, spec, state } of originals) if (spec === null) resolved[task_id] = state;
  const { project, idempotency } = scope;
  const place = { submission_id: newId(context), project, run_id: run.run_id };
  const command: Submit = { type: "submit", ...place, tasks, idempotency, resolved };
  const decision = execute(context, { command, run, isNew });
  if (decision.kind === "rejected") throw rejected(decision.rejection);
  if (decision.answer?.kind !== "submitted") throw new TypeError("a submission has one kind of answer");
  return decision.answer;
}

/** The same run while it is in memory, else one of the same name. */
function runFor(context: HttpContext, { run_id, scope }: Repeat): { run: NewRun; isNew: boolean } {
  const known = context.coordinator.loop.state.runs.get(run_id);
  if (known !== undefined) return { run: known, isNew: false };
  const name = `retry of ${run_id}`;
  return { run: { run_id: newId(context), project: scope.project, run_key: null, name }, isNew: true };
}

async function specsOf(context: HttpContext, originals: readonly Original[]): Promise<TaskSpec[]> {
  const found = await findSpecs(
    context.log,
    originals.filter(({ spec }) => spec === null),
  );
  return originals.map(({ task_id, spec }) => {
    const known = spec ?? found.get(task_id);
    if (known !== undefined) return known;
    throw refusal("task_gone", `the log no longer holds what task ${task_id} was submitted with`);
  });
}

/** Memory knows of the repetitions that it holds and `decide` checks these; results know of the others. */
async function refuseRepeated(context: HttpContext, originals: readonly Original[]): Promise<void> {
  const task_ids = originals.map(({ task_id }) => task_id);
  const [pair] = Object.entries(await context.results.query("retries", { task_ids }));
  if (pair === undefined) return;
  const [old, newer] = pair;
  throw refusal("task_retried", `task ${old} was repeated as ${newer} before: repeat that one`, {
    details: { task_id: old, retried_as: newer },
  });
}

/** What a dependency was repeated as, and that again, to the newest. */
async function newestTries(context: HttpContext, ids: readonly string[]): Promise<Map<string, string>> {
  const newest = new Map([...new Set(ids)].map((id) => [id, id]));
  for (;;) {
    const { retries, tasks } = context.coordinator.loop.state;
    const unsure = [...newest.values()].filter((id) => !retries.has(id) && !tasks.has(id));
    const known = unsure.length === 0 ? {} : await context.results.query("retries", { task_ids: unsure });
    let moved = false;
    for (const [id, at] of newest) {
      const next = retries.get(at) ?? known[at];
      if (next === undefined) continue;
      newest.set(id, next);
      moved = true;
    }
    if (!moved) return newest;
  }
}

/** It would be skipped before anybody saw it: better said now. */
function refuseDoomed(
  context: HttpContext,
  [task]: readonly TaskSpec[],
  resolved: Readonly<Record<string, EndState>>,
): void {
  for (const id of task?.dependencies ?? []) {
    const status = context.coordinator.loop.state.tasks.get(id)?.status;
    const state = status === undefined ? resolved[id] : hasEnded(status) ? status.state : "completed";
    if (state === undefined || state === "completed") continue;
    const detail = `it depends on task ${id}, which ended as ${state}: repeat that one first`;
    throw refusal("dependency_failed", detail, { details: { dependency: id, state } });
  }
}
