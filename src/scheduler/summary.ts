/** The one sentence of an explanation. */
import { unreachable, type Shortfall, type State, type Task } from "../core/index.ts";
import { keyHolder } from "./feasibility.ts";
import type { SchedulerView, Verdict, WorkerVerdict } from "./view.ts";

export function summarise(
  { state, now }: SchedulerView,
  task: Task,
  workers: readonly WorkerVerdict[],
): string {
  const { status } = task;
  switch (status.state) {
    case "pending":
      return status.waits_for === "retry"
        ? retrySentence(status.retry_at - now)
        : dependencySentence(state, task);
    case "queued":
      return queuedSentence(state, task, workers);
    case "assigned":
      return `assigned to ${status.lease.worker_id} as attempt ${status.lease.attempt}, not started yet`;
    case "running":
      return `runs on ${status.lease.worker_id} as attempt ${status.lease.attempt}`;
    case "poisoned":
      return `held back: ${status.reason}; it runs again once it is released`;
    case "completed":
    case "failed":
    case "timed_out":
    case "cancelled":
    case "skipped":
      return `ended as ${status.state}${status.reason === null ? "" : `: ${status.reason}`}`;
    default:
      return unreachable(status);
  }
}

function retrySentence(waitMs: number): string {
  return `waits for its next attempt, due ${waitMs <= 0 ? "now" : `in ${Math.ceil(waitMs / 1000)} s`}`;
}

const NAMED = 3;

function dependencySentence(state: State, task: Task): string {
  const open = task.spec.dependencies.flatMap((id) => state.tasks.get(id) ?? []);
  const waiting = open.filter(({ status }) => status.state !== "completed");
  const named = waiting
    .slice(0, NAMED)
    .map(({ spec, status }) => `${spec.name} (${spec.task_id}, ${status.state})`);
  if (waiting.length > NAMED) named.push(`${waiting.length - NAMED} more`);
  return `waits for dependencies: ${named.join(", ")}`;
}

function queuedSentence(state: State, task: Task, workers: readonly WorkerVerdict[]): string {
  if (workers.length === 0) return "no worker is registered";
  const of = (verdict: Verdict) => workers.filter((worker) => worker.verdict === verdict);
  const holder = keyHolder(state, task);
  if (holder !== null) {
    return `waits for the concurrency key ${task.spec.requirements.concurrency_key}, held by ${holder}`;
  }
  const [fitting, busy, away] = [of("fits"), of("busy"), of("not_available")];
  if (fitting.length > 0)
    return `can start now: ${workersDo(fitting.length, "fit")} and ${has(fitting.length)} room`;
  if (busy.length > 0) return busySentence(busy);
  if (away.length > 0) {
    const reasons = away.slice(0, NAMED).map((one) => `${one.worker_id} is ${one.reasons[0]?.has ?? "away"}`);
    return `waits for a worker: ${workersDo(away.length, "fit")}, none available (${reasons.join("; ")})`;
  }
  return blockedSentence(state, workers);
}

function busySentence(busy: readonly WorkerVerdict[]): string {
  const full = busy.every(({ reasons }) => reasons.some(({ requirement }) => requirement === "slot"));
  if (full) return `waits for a slot: ${workersDo(busy.length, "fit")}, all slots taken`;
  const nearest = fewestMissing(busy);
  const fit = workersDo(busy.length, "fit");
  return `waits for room: ${fit}; nearest: ${nearest.worker_id} (${misses(nearest)})`;
}

function blockedSentence(state: State, workers: readonly WorkerVerdict[]): string {
  const online = workers.filter(({ worker_id }) => state.workers.get(worker_id)?.status.state === "online");
  const nearest = fewestMissing(online.length > 0 ? online : workers);
  const everywhere = nearest.reasons.filter((reason) =>
    workers.every((worker) => worker.reasons.some(sameAs(reason))),
  );
  const needs = everywhere.map((reason) => `${reason.requirement} ${reason.asked}`).join(" and ");
  const what = needs === "" ? "no worker meets all requirements" : `needs ${needs}`;
  // What is asked for stands there already where everybody misses it: then only what the nearest has.
  const gap = everywhere.length === nearest.reasons.length ? hasInstead(nearest) : misses(nearest);
  return `blocked: ${what}; nearest: ${nearest.worker_id} (${gap})`;
}

function sameAs(a: Shortfall): (b: Shortfall) => boolean {
  return (b) => a.requirement === b.requirement && a.asked === b.asked;
}

/** The first of those that miss least. There is at least one. */
function fewestMissing(workers: readonly WorkerVerdict[]): WorkerVerdict {
  return workers.reduce((best, one) => (one.reasons.length < best.reasons.length ? one : best));
}

function hasInstead({ reasons }: WorkerVerdict): string {
  return `has ${[...new Set(reasons.map(({ has }) => has || "none"))].join("; ")}`;
}

function misses({ reasons }: WorkerVerdict): string {
  const parts = reasons.map(
    ({ requirement, asked, has }) => `${requirement} ${asked}, has ${has === "" ? "none" : has}`,
  );
  return `misses ${parts.join("; ")}`;
}

function workersDo(count: number, verb: string): string {
  return count === 1 ? `1 worker ${verb}s` : `${count} workers ${verb}`;
}

function has(count: number): string {
  return count === 1 ? "has" : "have";
}
