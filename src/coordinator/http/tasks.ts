/** Tasks: lists, one task with its attempts, why it waits, cancel and release. */
import type { FastifyInstance } from "fastify";
import { isEndState, type Command } from "../../core/index.ts";
import { TASK_STATES, type TaskView } from "../../protocol/index.ts";
import { committedNow, fresh, sendCommitted } from "./answers.ts";
import type { HttpContext } from "./context.ts";
import { isProject, linkNext, paramOf, badParameter, readCursor, readLimit, readQuery } from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { taskPage, type TaskFilter } from "./task-list.ts";
import { taskDetail } from "./task-detail.ts";
import { explainTask } from "./task-explanation.ts";
import { createReasons, resultTaskView, taskView } from "./task-view.ts";
import { CANCEL, EXPLAIN, LIST, RELEASE, SHOW } from "./tasks.api.ts";

export function taskRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/tasks", LIST, async (request, reply) => {
    const query = readQuery(request, ["state", "run_id", "project", "limit", "cursor", "consistent"]);
    const slice = { limit: readLimit(query.limit), before: readCursor("tasks", query.cursor) };
    const { value, position } = await taskPage(context, readFilter(query), slice);
    linkNext(request, reply, value);
    return fresh(context, reply, position).send(value);
  });
  app.get("/api/tasks/:id", SHOW, async (request, reply) => {
    readQuery(request, ["consistent"]);
    const { value, position } = await taskDetail(context, paramOf(request, "id"));
    return fresh(context, reply, position).send(value);
  });
  app.get("/api/tasks/:id/explain", EXPLAIN, async (request, reply) => {
    readQuery(request, ["consistent"]);
    const { value, position } = await explainTask(context, paramOf(request, "id"));
    return fresh(context, reply, position).send(value);
  });
  app.delete("/api/tasks/:id", CANCEL, async (request, reply) => {
    readQuery(request, []);
    const task_id = paramOf(request, "id");
    await order(context, { type: "cancel_task", task_id, reason: "cancelled by request" });
    await committedNow(context, reply);
    return sendCommitted(context, reply, () => liveView(context, task_id));
  });
  app.post("/api/tasks/:id/release", RELEASE, async (request, reply) => {
    readQuery(request, []);
    const task_id = paramOf(request, "id");
    await order(context, { type: "release_task", task_id, reason: "released by request" });
    await committedNow(context, reply);
    return sendCommitted(context, reply, () => liveView(context, task_id));
  });
}

function readFilter(query: { state?: string; run_id?: string; project?: string }): TaskFilter {
  const state = TASK_STATES.find((each) => each === query.state);
  if (query.state !== undefined && state === undefined) {
    throw badParameter("state", `"state" must be one of ${TASK_STATES.join(", ")}`);
  }
  if (query.project !== undefined && !isProject(query.project)) {
    throw badParameter("project", `"project" is not the name of a project`);
  }
  return {
    ...(state !== undefined && { state }),
    ...(query.run_id !== undefined && { run_id: query.run_id }),
    ...(query.project !== undefined && { project: query.project }),
  };
}

type Order = Extract<Command, { type: "cancel_task" | "release_task" }>;

/** A task that memory has forgotten has ended, and says so instead of being unknown. */
async function order(context: HttpContext, command: Order): Promise<void> {
  const decision = context.coordinator.loop.execute(command);
  if (decision.kind === "accepted") return;
  const { rejection } = decision;
  if (rejection.code !== "task_unknown") throw rejected(rejection);
  const { state } = await endedTask(context, command.task_id);
  throw refusal("task_ended", `task ${command.task_id} has ended as ${state}`, { details: { state } });
}

/** @throws Refusal when nobody knows it */
async function endedTask(context: HttpContext, id: string): Promise<TaskView> {
  const row = await context.results.query("task", { task_id: id });
  if (row !== null && isEndState(row.state)) return resultTaskView(row);
  throw refusal("task_unknown", `no task ${id.slice(0, 128)}`);
}

/** Right after a decision about it, a task is still in memory. */
function liveView(context: HttpContext, id: string): TaskView {
  const task = context.coordinator.loop.state.tasks.get(id);
  if (task === undefined) throw refusal("task_unknown", `no task ${id.slice(0, 128)}`);
  return taskView(task, createReasons(context.coordinator)(task));
}
