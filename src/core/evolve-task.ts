/** How the fold moves tasks: into the state, between their states, into and out of the queues, and out. */
import { assert } from "./assert.ts";
import { ReadyQueue } from "./ready-queue.ts";
import type { Run, State, Submission, Task, TaskClass } from "./state.ts";
import { classKey, hasEnded, isEndState, type Ended, type TaskSpec, type TaskStatus } from "./task.ts";

const KEY_LIFETIME_MS = 24 * 3600 * 1000;
const KEY_LIMIT = 100_000;

/** The sealed submission's tasks come into being, all at once. */
export function admit(state: State, submission: Submission): void {
  const run = runOf(state, submission.run_id);
  const tasks = submission.tasks.map((spec) => addTask(state, run, spec));
  for (const task of tasks) linkDependencies(state, task, submission);
  for (const task of tasks) supersede(state, task, submission);
  for (const task of tasks) if (task.unmet === 0) enqueue(state, task);
  rememberKey(state, submission);
}

function addTask(state: State, run: Run, spec: TaskSpec): Task {
  assert(!state.tasks.has(spec.task_id), () => `task ${spec.task_id} exists already`);
  const taskClass = classOf(state, spec);
  taskClass.members += 1;
  const task: Task = {
    // One copy of the requirements a class, however many tasks ask for the same.
    spec: { ...spec, requirements: taskClass.requirements, resources: taskClass.resources },
    class: taskClass,
    seq: state.nextSeq++,
    status: WAITS_FOR_DEPENDENCIES,
    attempts: 0,
    retriesUsed: 0,
    infrastructureLosses: 0,
    tookDown: NONE,
    unmet: 0,
    dependants: null,
    heapIndex: -1,
  };
  state.tasks.set(spec.task_id, task);
  run.counts.pending += 1;
  run.total += 1;
  run.remembered += 1;
  return task;
}

// Shared by all tasks until one needs its own.
const NONE: readonly never[] = Object.freeze([]);
const WAITS_FOR_DEPENDENCIES: TaskStatus = Object.freeze({ state: "pending", waits_for: "dependencies" });

export function classOf(state: State, spec: TaskSpec): TaskClass {
  const key = classKey(spec);
  let found = state.classes.get(key);
  if (found === undefined) {
    const { requirements, resources } = spec;
    found = { key, requirements, resources, queue: new ReadyQueue<Task>(), members: 0 };
    state.classes.set(key, found);
  }
  return found;
}

/** A task that repeats one of the same run decides in its place from now on. */
function supersede(state: State, { spec }: Task, submission: Submission): void {
  const { retry_of: old } = spec;
  if (old === undefined) return;
  state.retries.set(old, spec.task_id);
  const known = state.tasks.get(old);
  const isOfThisRun = known === undefined || known.spec.run_id === spec.run_id;
  const end = known?.status.state ?? submission.resolved[old];
  if (isOfThisRun && end !== undefined && isEndState(end)) {
    runOf(state, spec.run_id).superseded[end] += 1;
  }
}

function linkDependencies(state: State, task: Task, submission: Submission): void {
  for (const id of task.spec.dependencies) {
    const dependency = state.tasks.get(id);
    if (dependency === undefined) {
      assert(submission.resolved[id] !== undefined, () => `dependency ${id} is nowhere`);
      if (submission.resolved[id] !== "completed") task.unmet += 1;
    } else if (dependency.status.state !== "completed") {
      task.unmet += 1;
      if (!hasEnded(dependency.status)) (dependency.dependants ??= []).push(task);
    }
  }
}

function rememberKey(state: State, submission: Submission): void {
  for (const [key, { at }] of state.idempotency) {
    if (state.idempotency.size < KEY_LIMIT && at >= state.at - KEY_LIFETIME_MS) break;
    state.idempotency.delete(key);
  }
  if (submission.idempotency === null) return;
  const { submission_id, run_id, first_task_id, count } = submission;
  const { key, body_hash } = submission.idempotency;
  const remembered = { body_hash, submission_id, run_id, first_task_id, count, at: state.at };
  state.idempotency.set(`${submission.project}/${key}`, remembered);
}

export function setStatus(state: State, task: Task, status: TaskStatus): void {
  const { counts } = runOf(state, task.spec.run_id);
  counts[task.status.state] -= 1;
  counts[status.state] += 1;
  task.status = status;
}

export function enqueue(state: State, task: Task): void {
  setStatus(state, task, { state: "queued", since: state.at });
  task.class.queue.add(task);
  state.queuedCount += 1;
}

/** Out of the queue or the retry list, wherever it waits. */
export function takeBack(state: State, task: Task): void {
  if (task.status.state === "queued") {
    task.class.queue.remove(task);
    state.queuedCount -= 1;
  }
  state.retrying.delete(task);
}

/** A task's last change. Dependants of a success come a step nearer to their start. */
export function endTask(state: State, task: Task, end: Pick<Ended, "state" | "reason" | "lease">): void {
  assert(!hasEnded(task.status), () => `task ${task.spec.task_id} ends once; it is ${task.status.state}`);
  setStatus(state, task, { ...end, ended_at: state.at, position: state.position });
  state.ended.add(task);
  const dependants = task.dependants ?? [];
  // Whatever the end, nothing waits for it any more: what it does not start, the events that follow skip.
  task.dependants = null;
  if (end.state !== "completed") return;
  for (const dependant of dependants) {
    // One that ended by another cause stays as it was: a replica from a snapshot does not know it here.
    if (hasEnded(dependant.status)) continue;
    dependant.unmet -= 1;
    if (dependant.unmet === 0) enqueue(state, dependant);
  }
}

export function forget(state: State, ids: readonly string[]): void {
  for (const id of ids) {
    const task = state.tasks.get(id);
    assert(task !== undefined && hasEnded(task.status), () => `task ${id} is forgotten after its end`);
    state.tasks.delete(id);
    state.ended.delete(task);
    if (task.spec.retry_of !== undefined) state.retries.delete(task.spec.retry_of);
    task.class.members -= 1;
    if (task.class.members === 0) state.classes.delete(task.class.key);
    runOf(state, task.spec.run_id).remembered -= 1;
  }
}

function runOf(state: State, id: string): Run {
  const run = state.runs.get(id);
  assert(run !== undefined, () => `run ${id} is not open`);
  return run;
}
