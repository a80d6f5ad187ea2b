/** One task with everything that is known of it, wherever that is: memory, results, blob store. */
import type { Task } from "../../core/index.ts";
import type { Explanation, TaskDetail, TaskView } from "../../protocol/index.ts";
import { readCommitted } from "./answers.ts";
import type { HttpContext } from "./context.ts";
import { refusal } from "./refusal.ts";
import { configOf, createReasons, currentAttempt, resultAttemptView } from "./task-view.ts";
import { resultTaskView, taskView, type Payload } from "./task-view.ts";

interface Shown {
  view: TaskView;
  payload: Payload;
  retried_as: string | null;
  explanation: Explanation | null;
  current: TaskDetail["attempt_list"];
}

export async function taskDetail(
  context: HttpContext,
  id: string,
): Promise<{ value: TaskDetail; position: number }> {
  const { value, position } = await readCommitted(context, (state) => {
    const task = state.tasks.get(id);
    return task === undefined ? null : show(context, task);
  });
  if (value === null) return { value: await forgottenDetail(context, id), position };
  const past = value.view.attempts > value.current.length ? await pastAttempts(context, id) : [];
  const current = value.current.filter(({ attempt }) => past.every((each) => each.attempt !== attempt));
  const config = await readConfig(context, value.payload);
  const { view, explanation, retried_as } = value;
  const attempt_list = [...past, ...current];
  return { value: { ...view, config, retried_as, attempt_list, explanation }, position };
}

function show(context: HttpContext, task: Task): Shown {
  const { coordinator, blobs } = context;
  const { task_id, payload } = task.spec;
  const sizeOf = (attempt: number) => blobs.logSize({ task_id, attempt });
  const current = currentAttempt(task, sizeOf);
  const { state } = task.status;
  const waits = state === "pending" || state === "queued" || state === "poisoned";
  return {
    view: taskView(task, createReasons(coordinator)(task)),
    payload,
    retried_as: coordinator.loop.state.retries.get(task_id) ?? null,
    explanation: waits ? coordinator.explain(task_id) : null,
    current: current === null ? [] : [current],
  };
}

/** As far as the results have them: they follow the log closely, and are allowed to be away. */
async function pastAttempts(context: HttpContext, id: string): Promise<TaskDetail["attempt_list"]> {
  try {
    return (await context.results.query("attempts", { task_id: id })).map(resultAttemptView);
  } catch (error) {
    context.logger.warn("attempts are shown without the results", { task: id, reason: String(error) });
    return [];
  }
}

async function forgottenDetail(context: HttpContext, id: string): Promise<TaskDetail> {
  const row = await context.results.query("task", { task_id: id });
  if (row === null || row.state === "open") throw refusal("task_unknown", `no task ${id.slice(0, 128)}`);
  const attempts = await context.results.query("attempts", { task_id: id });
  const config =
    row.config ?? (row.payload_blob === null ? {} : await readConfig(context, { blob: row.payload_blob }));
  const retried_as =
    context.coordinator.loop.state.retries.get(id) ??
    (await context.results.query("retries", { task_ids: [id] }))[id] ??
    null;
  const attempt_list = attempts.map(resultAttemptView);
  return { ...resultTaskView(row), config, retried_as, attempt_list, explanation: null };
}

async function readConfig({ blobs }: HttpContext, payload: Payload): Promise<TaskDetail["config"]> {
  if (typeof payload === "string") return configOf(payload);
  return configOf(Buffer.from(await blobs.get(payload.blob)).toString("utf8"));
}
