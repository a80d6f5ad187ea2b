/**
 * The fold: the only writer of state. Leader, standby, restart, snapshot process and tests call the same
 * function, so what it does depends on nothing but the state and the event.
 */
import { assert, unreachable } from "./assert.ts";
import type * as E from "./event.ts";
import { admit, endTask, enqueue, forget, setStatus, takeBack } from "./evolve-task.ts";
import { claimDevices, freeLease, registerWorker } from "./evolve-worker.ts";
import { openRun } from "./run.ts";
import { evolveRunEnded } from "./run-end.ts";
import { evolveSchedule } from "./schedule.ts";
import { activeLease, type State, type Task } from "./state.ts";
import { evolveWebhook } from "./webhook.ts";

/** Moves the state on to the record whose events come next. `at` is the record's time, never going back. */
export function beginRecord(state: State, record: { position: number; at: number }): void {
  assert(record.at >= state.at, "log time never goes back");
  assert(record.position >= state.position, "positions rise");
  state.position = record.position;
  state.at = record.at;
}

export function evolve(state: State, event: E.Event): void {
  switch (event.type) {
    case "LeaderClaimed":
      return onLeaderClaimed(state, event);
    case "RunOpened":
      return openRun(state, event);
    case "SubmissionOpened":
      return onSubmissionOpened(state, event);
    case "TasksAdded":
      return onTasksAdded(state, event);
    case "SubmissionSealed":
      return onSubmissionSealed(state, event);
    case "TaskSkipped":
      return endTask(state, taskOf(state, event.task_id), {
        state: "skipped",
        reason: `dependency ${event.because.task_id} ended as ${event.because.state}`,
        lease: null,
      });
    case "TaskCancelled":
      return onTaskCancelled(state, event);
    case "RetriesDue":
      return onRetriesDue(state, event);
    case "AttemptAssigned":
      return onAttemptAssigned(state, event);
    case "AttemptStarted":
      return onAttemptStarted(state, event);
    case "AttemptFinished":
      return onAttemptFinished(state, event);
    case "AttemptLost":
      return onAttemptLost(state, event);
    case "AttemptReleased":
      return freeLease(state, event.worker_id, event.task_id);
    case "ResultRefused":
      return;
    case "TaskReleased":
      return onTaskReleased(state, event);
    case "WorkerRegistered":
      return registerWorker(state, event);
    case "WorkerLost":
      return onWorkerLost(state, event);
    case "WorkerCordoned":
      workerOf(state, event.worker_id).cordoned = { by: event.by, reason: event.reason };
      return;
    case "WorkerUncordoned":
      workerOf(state, event.worker_id).cordoned = null;
      return;
    case "TasksForgotten":
      return forget(state, event.task_ids);
    case "RunEnded":
      return evolveRunEnded(state, event);
    case "WebhookAdded":
    case "WebhookRemoved":
    case "WebhookRequested":
    case "WebhookDelivered":
    case "WebhookGivenUp":
    case "WebhookRedelivered":
      return evolveWebhook(state, event);
    case "ScheduleSet":
    case "ScheduleRemoved":
    case "ScheduleFired":
    case "ScheduleSkipped":
      return evolveSchedule(state, event);
    default:
      return unreachable(event);
  }
}

function onLeaderClaimed(state: State, event: E.LeaderClaimed): void {
  assert(event.epoch === state.epoch + 1, "epochs rise by one");
  state.epoch = event.epoch;
  state.clusterId = event.cluster_id;
  state.leader = { ...event, claimed_at: state.at };
  // Their submitter was never answered: it sends them again with the same key.
  state.submissions.clear();
}

function onSubmissionOpened(state: State, event: E.SubmissionOpened): void {
  assert(!state.submissions.has(event.submission_id), "a submission opens once");
  state.submissions.set(event.submission_id, { ...event, tasks: [], resolved: {} });
}

function onTasksAdded(state: State, event: E.TasksAdded): void {
  const submission = state.submissions.get(event.submission_id);
  assert(submission !== undefined, "tasks are added to an open submission");
  for (const task of event.tasks) submission.tasks.push(task);
  Object.assign(submission.resolved, event.resolved);
}

function onSubmissionSealed(state: State, event: E.SubmissionSealed): void {
  const submission = state.submissions.get(event.submission_id);
  assert(submission !== undefined, "an open submission is sealed");
  assert(submission.tasks.length === submission.count, "a submission is sealed whole");
  state.submissions.delete(event.submission_id);
  admit(state, submission);
}

function onTaskCancelled(state: State, event: E.TaskCancelled): void {
  const task = taskOf(state, event.task_id);
  takeBack(state, task);
  endTask(state, task, { state: "cancelled", reason: event.reason, lease: event.lease });
}

function onRetriesDue(state: State, event: E.RetriesDue): void {
  for (const id of event.task_ids) {
    const task = taskOf(state, id);
    state.retrying.delete(task);
    enqueue(state, task);
  }
  state.nextRetryAt = Infinity;
  for (const { status } of state.retrying) {
    if (status.state === "pending" && status.waits_for === "retry") {
      state.nextRetryAt = Math.min(state.nextRetryAt, status.retry_at);
    }
  }
}

function onAttemptAssigned(state: State, event: E.AttemptAssigned): void {
  const task = taskOf(state, event.task_id);
  assert(task.status.state === "queued", "only a queued task is assigned");
  assert(event.lease.attempt === task.attempts + 1, "attempts are numbered without gaps");
  takeBack(state, task);
  task.attempts = event.lease.attempt;
  setStatus(state, task, { state: "assigned", lease: event.lease });
  claimDevices(state, task, event.lease);
}

function onAttemptStarted(state: State, event: E.AttemptStarted): void {
  const task = taskOf(state, event.task_id);
  assert(task.status.state === "assigned", "an assigned attempt starts");
  setStatus(state, task, { state: "running", lease: task.status.lease, started_at: state.at });
}

function onAttemptFinished(state: State, event: E.AttemptFinished): void {
  const task = taskOf(state, event.task_id);
  assert(activeLease(task)?.attempt === event.lease.attempt, "the current attempt finishes");
  freeLease(state, event.lease.worker_id, event.task_id);
  // `cancelled` here is the worker's own doing (drain, lost lease): nobody asked for it.
  const { outcome } = event.result;
  const isInfrastructure = outcome === "infrastructure" || outcome === "cancelled";
  if (isInfrastructure) task.infrastructureLosses += 1;
  follow(state, task, event);
  if (event.next.state === "retry" && !isInfrastructure) task.retriesUsed += 1;
}

function onAttemptLost(state: State, event: E.AttemptLost): void {
  const task = taskOf(state, event.task_id);
  assert(activeLease(task)?.attempt === event.lease.attempt, "the current attempt is lost");
  freeLease(state, event.lease.worker_id, event.task_id);
  if (event.was_running) {
    task.infrastructureLosses += 1;
    const { worker_id } = event.lease;
    if (!task.tookDown.includes(worker_id)) task.tookDown = [...task.tookDown, worker_id];
  }
  follow(state, task, event);
}

/** Carries out what the event decided about the task. */
function follow(state: State, task: Task, event: E.AttemptFinished | E.AttemptLost): void {
  const { next } = event;
  if (next.state === "poisoned") {
    setStatus(state, task, { state: "poisoned", since: state.at, reason: next.reason });
  } else if (next.state !== "retry") {
    endTask(state, task, { state: next.state, reason: next.reason, lease: event.lease });
  } else if (next.retry_at <= state.at) {
    enqueue(state, task);
  } else {
    setStatus(state, task, { state: "pending", waits_for: "retry", retry_at: next.retry_at });
    state.retrying.add(task);
    state.nextRetryAt = Math.min(state.nextRetryAt, next.retry_at);
  }
}

function onTaskReleased(state: State, event: E.TaskReleased): void {
  const task = taskOf(state, event.task_id);
  assert(task.status.state === "poisoned", "a poisoned task is released");
  task.tookDown = [];
  task.infrastructureLosses = 0;
  enqueue(state, task);
}

function onWorkerLost(state: State, event: E.WorkerLost): void {
  const worker = workerOf(state, event.worker_id);
  for (const taskId of worker.held.keys()) {
    const task = state.tasks.get(taskId);
    const stillOut = task !== undefined && activeLease(task)?.worker_id === event.worker_id;
    assert(!stillOut, "the attempts of a worker are lost before it is");
    freeLease(state, event.worker_id, taskId);
  }
  worker.status = { state: "lost", at: state.at, reason: event.reason };
}

function taskOf(state: State, id: string): Task {
  const task = state.tasks.get(id);
  assert(task !== undefined, () => `event for task ${id}, which the state does not hold`);
  return task;
}

function workerOf(state: State, id: string): State["workers"] extends Map<string, infer W> ? W : never {
  const worker = state.workers.get(id);
  assert(worker !== undefined, () => `event for worker ${id}, which the state does not hold`);
  return worker;
}
