/**
 * What must hold between any two events. Called after every event in tests and in the simulation; the cost is
 * the size of the state, so a running coordinator does not call it.
 */
import { assert } from "./assert.ts";
import { noCounts } from "./run.ts";
import { checkRunEnds, checkRunsEnded } from "./run-end.ts";
import { activeLease, type State, type Task, type Worker } from "./state.ts";
import { hasEnded, INFRASTRUCTURE_BUDGET, type EndState } from "./task.ts";
import { checkDeliveries } from "./webhook.ts";

export function checkInvariants(state: State): void {
  for (const task of state.tasks.values()) checkTask(state, task);
  for (const worker of state.workers.values()) checkWorker(worker);
  checkQueues(state);
  checkRuns(state);
  checkRunEnds(state);
  checkDeliveries(state);
  for (const [key, taskId] of state.concurrencyKeys) {
    const holders = [...state.workers.values()].filter((w) => w.held.get(taskId)?.concurrencyKey === key);
    assert(holders.length === 1, () => `concurrency key ${key} has ${holders.length} holders`);
  }
}

function checkTask(state: State, task: Task): void {
  const { spec, status } = task;
  const say = (what: string) => () => `${what}: task ${spec.task_id} is ${JSON.stringify(status)}`;
  const lease = activeLease(task);
  if (lease !== null) {
    assert(lease.attempt === task.attempts, say("the attempt out is the newest"));
    const held = state.workers.get(lease.worker_id)?.held.get(spec.task_id);
    assert(held?.lease.attempt === lease.attempt, say("a task that is out is held by its worker"));
  }
  assert(task.retriesUsed <= spec.max_retries, say("counted attempts stay within the policy"));
  assert(task.infrastructureLosses <= INFRASTRUCTURE_BUDGET + 1, say("infrastructure losses have a budget"));
  assert((status.state === "queued") === task.heapIndex >= 0, say("exactly the queued tasks are in a queue"));
  assert(state.ended.has(task) === hasEnded(status), say("exactly the ended tasks are listed as ended"));
  const waitsForRetry = status.state === "pending" && status.waits_for === "retry";
  assert(state.retrying.has(task) === waitsForRetry, say("exactly the retrying tasks wait for a time"));
  if (waitsForRetry) assert(state.nextRetryAt <= status.retry_at, say("the earliest retry is known"));
  checkDependencies(task);
}

/** No start before all dependencies succeeded, and no waiting for one that ended otherwise. */
function checkDependencies(task: Task): void {
  const { status, spec } = task;
  const say = (what: string) => () => `${what}: task ${spec.task_id} is ${status.state}, ${task.unmet} unmet`;
  const waits = status.state === "pending" && status.waits_for === "dependencies";
  assert(!waits || task.unmet > 0, say("a task waits for something"));
  if (status.state === "queued" || activeLease(task) !== null || status.state === "completed") {
    assert(task.unmet === 0, say("no start before all dependencies succeeded"));
  }
}

/** What holds once all consequences of a command are folded, not between two of its events. */
export function checkSettled(state: State): void {
  checkRunsEnded(state);
  for (const task of state.tasks.values()) {
    if (task.status.state !== "pending" || task.status.waits_for !== "dependencies") continue;
    for (const id of task.spec.dependencies) {
      const dependency = state.tasks.get(id);
      const dead =
        dependency !== undefined && hasEnded(dependency.status) && dependency.status.state !== "completed";
      assert(!dead, () => `task ${task.spec.task_id} waits for ${id}, which will never succeed`);
    }
  }
}

function checkWorker(worker: Worker): void {
  const say = (what: string) => () => `${what}: worker ${worker.worker_id}`;
  const slots = [...[...worker.held.values()].map((held) => held.lease.slot), ...worker.freeSlots];
  assert(
    new Set(slots).size === worker.slots && slots.length === worker.slots,
    say("every slot is free or held once"),
  );
  const gpus = [...[...worker.held.values()].flatMap((held) => held.lease.gpus), ...worker.freeGpus];
  assert(new Set(gpus).size === gpus.length, say("a device has one task"));
  assert(worker.freeCpuMilli >= 0 && worker.freeMemoryMb >= 0, say("a worker is never over-committed"));
  assert(worker.status.state === "online" || worker.held.size === 0, say("a lost worker holds nothing"));
  const exclusive = worker.exclusive === null || worker.held.has(worker.exclusive);
  assert(exclusive, say("an exclusive task is held"));
  assert(worker.exclusive === null || worker.held.size === 1, say("an exclusive task is alone"));
}

function checkQueues(state: State): void {
  let queued = 0;
  let members = 0;
  for (const taskClass of state.classes.values()) {
    queued += taskClass.queue.size;
    members += taskClass.members;
    assert(taskClass.members > 0, "a class without tasks is gone");
  }
  assert(queued === state.queuedCount, "the queues hold what is counted as queued");
  assert(members === state.tasks.size, "every task belongs to one class");
}

function checkRuns(state: State): void {
  const seen = new Map([...state.runs.keys()].map((id) => [id, noCounts()]));
  for (const { spec, status } of state.tasks.values()) {
    const counts = seen.get(spec.run_id);
    assert(counts !== undefined, () => `task ${spec.task_id} belongs to an open run`);
    counts[status.state] += 1;
  }
  for (const [old, id] of state.retries) {
    assert(state.tasks.get(id)?.spec.retry_of === old, () => `task ${id} is no retry of ${old}`);
    const status = state.tasks.get(old)?.status;
    assert(status === undefined || hasEnded(status), () => `task ${old} was repeated before its end`);
  }
  for (const run of state.runs.values()) {
    const counts = seen.get(run.run_id) ?? noCounts();
    for (const state of ["pending", "queued", "assigned", "running", "poisoned"] as const) {
      assert(counts[state] === run.counts[state], () => `run ${run.run_id} miscounts ${state}`);
    }
    for (const [end, count] of Object.entries(run.superseded) as [EndState, number][]) {
      assert(count <= run.counts[end], () => `run ${run.run_id} has more ${end} repeated than it has`);
    }
  }
}
