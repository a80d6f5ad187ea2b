/**
 * Why a task waits, or why it ran where it did.
 *
 * While it waits the scheduler answers for each worker. Afterwards its attempts tell: what each waited for
 * before it was placed, where it went, and how it ended.
 */
import { hasEnded } from "../../core/index.ts";
import type { PlacedAttempt, TaskDetail, TaskExplanation } from "../../protocol/index.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { taskDetail } from "./task-detail.ts";

type Attempt = TaskDetail["attempt_list"][number];

export async function explainTask(
  context: HttpContext,
  id: string,
): Promise<{ value: TaskExplanation; position: number }> {
  // Its last attempt may have ended a moment ago, and attempts that are over stand in the results.
  if (context.coordinator.loop.state.tasks.has(id)) await caughtUp(context);
  const { value: detail, position } = await taskDetail(context, id);
  const ready = detail.attempt_list.length === 0 ? 0 : await dependenciesEnded(context, detail);
  const attempts = placedAttempts(detail, ready);
  const { task_id, name, state, explanation } = detail;
  const { summary, workers } = explanation ?? { summary: historySentence(detail, attempts), workers: [] };
  return { value: { task_id, name, state, summary, workers, attempts }, position };
}

/** More are not looked up one by one in the results: the wait for them then counts as one for a worker. */
const LOOKED_UP = 100;

async function dependenciesEnded(context: HttpContext, { dependencies }: TaskDetail): Promise<number> {
  const { tasks } = context.coordinator.loop.state;
  const ends = dependencies.slice(0, LOOKED_UP).map(async (task_id) => {
    const status = tasks.get(task_id)?.status;
    if (status !== undefined) return hasEnded(status) ? status.ended_at : 0;
    return (await context.results.query("task", { task_id }))?.ended_at ?? 0;
  });
  return Math.max(0, ...(await Promise.all(ends)));
}

/** @param ready milliseconds since 1970 at which its dependencies had ended, 0 without any */
function placedAttempts({ submitted_at, attempt_list }: TaskDetail, ready: number): PlacedAttempt[] {
  return attempt_list.map((each, i) => {
    const before = attempt_list[i - 1];
    const waited: PlacedAttempt["waited"] = [];
    const wait = (what: PlacedAttempt["waited"][number]["for"], ms: number) => {
      if (ms > 0) waited.push({ for: what, ms });
    };
    if (before === undefined) {
      wait("dependencies", ready - submitted_at);
      wait("worker", each.assigned_at - Math.max(submitted_at, ready));
    } else {
      wait("retry", each.assigned_at - endOf(before));
    }
    const { attempt, worker_id, state, duration_ms, error } = each;
    return { attempt, worker_id, state, waited, duration_ms, reason: error?.message ?? null };
  });
}

function endOf({ assigned_at, started_at, duration_ms }: Attempt): number {
  return (started_at ?? assigned_at) + (duration_ms ?? 0);
}

function historySentence(detail: TaskDetail, attempts: readonly PlacedAttempt[]): string {
  const { state, reason } = detail;
  const because = reason === null ? "" : `: ${reason}`;
  const last = attempts.at(-1);
  if (last === undefined) return `ended as ${state} without an attempt${because}`;
  const waits = last.waited.map(({ for: what, ms }) => `${(ms / 1000).toFixed(1)} s for ${WAITS[what]}`);
  const after = waits.length === 0 ? "" : `, after ${waits.join(" and ")}`;
  const does = detail.ended_at === null ? `is ${state}` : `ended as ${state}`;
  return `${does} on ${last.worker_id} with attempt ${last.attempt}${after}${because}`;
}

const WAITS = { dependencies: "its dependencies", retry: "the next attempt", worker: "a worker" } as const;
