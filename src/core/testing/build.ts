/**
 * Commands and their parts, complete but for what a test is about. Times are small numbers, ids plain
 * words.
 */
import type { HeldAttempt } from "../command.ts";
import type * as C from "../command.ts";
import type { Capabilities, Gpu } from "../requirements.ts";
import type { AttemptOutcome, AttemptResult } from "../result.ts";
import type { EndState, TaskSpec } from "../task.ts";

export const openRun: C.OpenRun = {
  type: "open_run",
  run_id: "run",
  project: "default",
  run_key: null,
  name: "a run",
};

export const tick: C.Tick = { type: "tick" };

export const claim: C.ClaimLeadership = {
  type: "claim_leadership",
  cluster_id: "cluster",
  coordinator_id: "c1",
  incarnation: "c1/1",
  host: "host",
  pid: 1,
  pid_started: "1",
};

export function task(task_id: string, differences: Partial<TaskSpec> = {}): TaskSpec {
  return {
    task_id,
    run_id: "run",
    project: "default",
    name: `name of ${task_id}`,
    type: "test",
    priority: 5,
    requirements: {},
    resources: { cpu_milli: 0, memory_mb: 0, gpu: 0 },
    timeout_ms: 60_000,
    max_retries: 0,
    retry_delay_ms: 0,
    dependencies: [],
    estimate_ms: null,
    payload: "{}",
    ...differences,
  };
}

export function submit(tasks: TaskSpec[], differences: Partial<C.Submit> = {}): C.Submit {
  return {
    type: "submit",
    submission_id: `submission of ${tasks[0]?.task_id ?? "nothing"}`,
    project: "default",
    run_id: "run",
    tasks,
    idempotency: null,
    resolved: {},
    ...differences,
  };
}

export function gpu(index: number, differences: Partial<Gpu> = {}): Gpu {
  return { index, vendor: "nvidia", model: "A100", memory_mb: 40 * 1024, compute: "8.0", ...differences };
}

export function capabilities(differences: Partial<Capabilities> = {}): Capabilities {
  return {
    hostname: "host",
    os: "linux",
    os_version: "6.1",
    arch: "x64",
    cpu: { model: "cpu", physical_cores: 4, logical_cores: 8 },
    memory_mb: 16 * 1024,
    gpus: [],
    hardware: ["cpu"],
    browsers: {},
    runtimes: {},
    ...differences,
  };
}

export function register(worker_id: string, differences: Partial<C.RegisterWorker> = {}): C.RegisterWorker {
  return {
    type: "register_worker",
    worker_id,
    incarnation: `${worker_id}/1`,
    slots: 2,
    labels: {},
    capabilities: capabilities(),
    hw_class: "v1:x",
    inventory: [],
    ...differences,
  };
}

export function held(task_id: string, attempt = 1): HeldAttempt {
  return { task_id, attempt };
}

export function assign(task_id: string, worker_id = "w1"): C.AssignTask {
  return { type: "assign_task", task_id, worker_id };
}

/** Which attempt, and who speaks of it. */
export interface Which {
  attempt?: number;
  worker?: string;
  incarnation?: string;
}

export function start(task_id: string, { attempt = 1, worker = "w1", ...more }: Which = {}): C.StartAttempt {
  const incarnation = more.incarnation ?? `${worker}/1`;
  return { type: "start_attempt", task_id, attempt, worker_id: worker, incarnation };
}

export function result(outcome: AttemptOutcome, differences: Partial<AttemptResult> = {}): AttemptResult {
  return {
    outcome,
    exit_code: outcome === "passed" ? 0 : 1,
    signal: null,
    started_at: 0,
    duration_ms: 10,
    usage: null,
    counts: null,
    document: null,
    log_bytes: 0,
    error: null,
    ...differences,
  };
}

export function finish(task_id: string, outcome: AttemptOutcome, which: Which = {}): C.FinishAttempt {
  const { attempt = 1, worker = "w1" } = which;
  const incarnation = which.incarnation ?? `${worker}/1`;
  const reporter = { task_id, attempt, worker_id: worker, incarnation };
  return { type: "finish_attempt", ...reporter, result: result(outcome) };
}

/** From queued to ended attempt. */
export function run(task_id: string, outcome: AttemptOutcome, which: Which = {}): C.Command[] {
  return [assign(task_id, which.worker), start(task_id, which), finish(task_id, outcome, which)];
}

export function cancel(task_id: string): C.CancelTask {
  return { type: "cancel_task", task_id, reason: "asked" };
}

export function release(task_id: string): C.ReleaseTask {
  return { type: "release_task", task_id, reason: "mended" };
}

export function lose(worker_id: string, incarnation = `${worker_id}/1`): C.LoseWorker {
  return { type: "lose_worker", worker_id, incarnation, reason: "silent" };
}

export function cordon(worker_id: string, by: C.CordonWorker["by"] = "operator"): C.CordonWorker {
  return { type: "cordon_worker", worker_id, by, reason: "hot" };
}

export function uncordon(worker_id: string): C.UncordonWorker {
  return { type: "uncordon_worker", worker_id };
}

export function schedule(
  name: string,
  change: "skip" | "allow" | "remove",
): C.SetSchedule | C.RemoveSchedule {
  if (change === "remove") return { type: "remove_schedule", name };
  const when = { cron: "* * * * *", timezone: "UTC", overlap: change } as const;
  return { type: "set_schedule", name, project: "default", ...when, tasks: "[]" };
}

export function forget(...task_ids: string[]): C.ForgetTasks {
  return { type: "forget_tasks", task_ids };
}

export function resolved(task_id: string, state: EndState): Record<string, EndState> {
  return { [task_id]: state };
}
