/**
 * Decisions about attempts: started, finished, lost, and what comes next for the task.
 *
 * Exactly one attempt's result becomes the outcome: the one that is current when it is committed. Everything
 * else is refused and kept as evidence, whether it says success or failure.
 */
import type { FinishAttempt, StartAttempt } from "./command.ts";
import { accept, reject, type Decision } from "./decision.ts";
import { skipDependants } from "./decide-task.ts";
import type { AttemptLost, Event, Next } from "./event.ts";
import type { AttemptResult } from "./result.ts";
import { activeLease, type State, type Task } from "./state.ts";
import { hasEnded, INFRASTRUCTURE_BUDGET, isEndState, POISON_WORKERS, type Lease } from "./task.ts";

type Reporter = Pick<FinishAttempt, "task_id" | "attempt" | "worker_id" | "incarnation">;

export function startAttempt(state: State, command: StartAttempt): Decision {
  const task = state.tasks.get(command.task_id);
  if (task === undefined || !isCurrent(task, command)) {
    return reject(
      "stale_attempt",
      `attempt ${command.attempt} of task ${command.task_id} is not the current one`,
    );
  }
  if (task.status.state === "running") return accept([]);
  return accept([{ type: "AttemptStarted", v: 1, task_id: command.task_id, attempt: command.attempt }]);
}

export function finishAttempt(state: State, command: FinishAttempt, now: number): Decision {
  const task = state.tasks.get(command.task_id);
  // Forgotten: it ended long ago, and whatever this is, it is too late.
  if (task === undefined) return accept([], { kind: "result", verdict: "stale_attempt" });
  if (!isCurrent(task, command)) return lateResult(state, task, command);
  const lease = activeLease(task) as Lease;
  const { task_id, run_id } = task.spec;
  const next = afterResult(task, command.result, now);
  const finished: Event = {
    type: "AttemptFinished",
    v: 1,
    task_id,
    run_id,
    lease,
    result: command.result,
    next,
  };
  return accept([finished, ...consequences(task, next)], { kind: "result", verdict: "accepted" });
}

function isCurrent(task: Task, reporter: Reporter): boolean {
  const lease = activeLease(task);
  return lease !== null && lease.attempt === reporter.attempt && isHolder(lease, reporter);
}

function isHolder(lease: Lease, reporter: Reporter): boolean {
  return lease.worker_id === reporter.worker_id && lease.incarnation === reporter.incarnation;
}

function lateResult(state: State, task: Task, command: FinishAttempt): Decision {
  const { status } = task;
  const accepted = hasEnded(status) && status.state !== "cancelled" ? status.lease : null;
  if (accepted !== null && accepted.attempt === command.attempt && isHolder(accepted, command)) {
    return accept([], { kind: "result", verdict: "repeated" });
  }
  const { task_id, attempt, worker_id, result } = command;
  const events: Event[] = [];
  const held = state.workers.get(worker_id)?.held.get(task_id);
  if (held !== undefined && held.lease.attempt === attempt && isHolder(held.lease, command)) {
    events.push({ type: "AttemptReleased", v: 1, task_id, attempt, worker_id });
  }
  if (result.outcome !== "cancelled") {
    const { outcome } = result;
    events.push({ type: "ResultRefused", v: 1, task_id, attempt, worker_id, outcome, code: "stale_attempt" });
  }
  return accept(events, { kind: "result", verdict: "stale_attempt" });
}

function afterResult(task: Task, result: AttemptResult, now: number): Next {
  switch (result.outcome) {
    case "passed":
      return { state: "completed", reason: null };
    case "failed":
      return afterFailure(task, "failed", now);
    case "timed_out":
      return afterFailure(task, "timed_out", now);
    case "cancelled":
      // Nobody asked for it here: the worker ended it on its own account (drain, lost lease).
      return afterInfrastructureLoss(task, "the worker ended the attempt", now);
    case "infrastructure":
      return afterInfrastructureLoss(
        task,
        result.error?.message ?? "the attempt could not be carried out",
        now,
      );
  }
}

function afterFailure(task: Task, state: "failed" | "timed_out", now: number): Next {
  if (task.retriesUsed >= task.spec.max_retries) return { state, reason: null };
  return { state: "retry", retry_at: now + task.spec.retry_delay_ms };
}

function afterInfrastructureLoss(task: Task, reason: string, now: number): Next {
  if (task.infrastructureLosses < INFRASTRUCTURE_BUDGET) return { state: "retry", retry_at: now };
  return {
    state: "failed",
    reason: `lost ${task.infrastructureLosses + 1} times to infrastructure: ${reason}`,
  };
}

/**
 * The events that lose a current attempt. A task whose running attempts took down two workers is held back.
 */
export function loseAttempt(task: Task, reason: string, now: number): Event[] {
  const lease = activeLease(task) as Lease;
  const { task_id, run_id } = task.spec;
  const was_running = task.status.state === "running";
  const next = was_running
    ? afterLoss(task, lease, reason, now)
    : ({ state: "retry", retry_at: now } as const);
  const lost: AttemptLost = { type: "AttemptLost", v: 1, task_id, run_id, lease, was_running, reason, next };
  return [lost, ...consequences(task, next)];
}

function afterLoss(task: Task, lease: Lease, reason: string, now: number): Next {
  const taken = new Set([...task.tookDown, lease.worker_id]);
  if (taken.size >= POISON_WORKERS) {
    return {
      state: "poisoned",
      reason: `its attempts were running when ${[...taken].join(" and ")} were lost`,
    };
  }
  return afterInfrastructureLoss(task, reason, now);
}

function consequences(task: Task, next: Next): Event[] {
  if (!isEndState(next.state) || next.state === "completed") return [];
  return skipDependants(task, next.state);
}
