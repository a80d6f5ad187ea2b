/** The tasks of a schedule: checked when it is set, kept as they were written, submitted at each firing. */
import type { Schedule, Submit } from "../../core/index.ts";
import type { HttpContext } from "../http/context.ts";
import { tooLarge } from "../http/body.ts";
import { nameTasks, newId, readTasks, resolveForgotten, storeLargePayloads } from "../http/submission.ts";

/** With this, and at most 100 tasks, a firing fits into one record: no crash comes between its events. */
const TASKS_BYTES = 128 * 1024;
const INLINE_BYTES = 16 * 1024;

const inputAt = (index: number): string => `/tasks/${index}`;

/** @throws Refusal */
export async function keepTasks(
  context: HttpContext,
  { tasks, project }: { tasks: readonly unknown[]; project: string },
): Promise<Schedule["tasks"]> {
  const read = readTasks(tasks, inputAt);
  nameTasks(context, read.drafts, { owner: { run_id: "", project }, pointerOf: read.pointerOf });
  const text = JSON.stringify(tasks);
  const size = Buffer.byteLength(text);
  if (size > TASKS_BYTES) throw tooLarge(TASKS_BYTES, "the list of a schedule's tasks");
  // An object, because retention looks for what is named in objects only.
  return size <= INLINE_BYTES ? text : { blob: await context.blobs.put(Buffer.from(`{"tasks":${text}}`)) };
}

async function inputsOf({ blobs }: HttpContext, kept: Schedule["tasks"]): Promise<unknown[]> {
  if (typeof kept === "string") return JSON.parse(kept) as unknown[];
  const text = Buffer.from(await blobs.get(kept.blob)).toString();
  return (JSON.parse(text) as { tasks: unknown[] }).tasks;
}

/** @throws Refusal */
export async function scheduledSubmission(context: HttpContext, schedule: Schedule): Promise<Submit> {
  const { tasks: kept, project } = schedule;
  const inputs = await inputsOf(context, kept);
  const run_id = newId(context);
  const owner = { run_id, project };
  const { drafts, pointerOf } = readTasks(inputs, inputAt);
  const tasks = nameTasks(context, drafts, { owner, pointerOf });
  const resolved = await resolveForgotten(context, tasks);
  await storeLargePayloads(context, tasks);
  const submission_id = newId(context);
  return { type: "submit", submission_id, project, run_id, tasks, idempotency: null, resolved };
}
