/** A state built by commands, and what is observed of its workers. */
import { beginRecord, createState, decide, evolve, restoreState, saveState } from "../../core/index.ts";
import type { Capabilities, Command, Gpu, State, TaskSpec } from "../../core/index.ts";
import type { SchedulerView, WorkerObservation } from "../view.ts";

export const NOW = 1_000;

export function gpu(index: number, differences: Partial<Gpu> = {}): Gpu {
  return { index, vendor: "nvidia", model: "A100", memory_mb: 40 * 1024, compute: "8.0", ...differences };
}

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

export interface WorkerKind {
  slots?: number;
  labels?: Record<string, string>;
  capabilities?: Partial<Capabilities>;
  seen?: Partial<WorkerObservation> | "never";
}

export class Yard {
  readonly observations = new Map<string, WorkerObservation>();
  state: State = createState();
  #submissions = 0;

  constructor() {
    this.do({ type: "open_run", run_id: "run", project: "default", run_key: null, name: "run" });
  }

  /** Whether it was accepted. */
  do(command: Command): boolean {
    const decision = decide(this.state, command, NOW);
    if (decision.kind === "rejected") return false;
    beginRecord(this.state, { position: this.state.position + 1, at: NOW });
    for (const event of decision.events) evolve(this.state, event);
    return true;
  }

  submit(...tasks: TaskSpec[]): this {
    const submission_id = `s${this.#submissions++}`;
    const more = { project: "default", run_id: "run", idempotency: null, resolved: {} };
    if (!this.do({ type: "submit", submission_id, tasks, ...more }))
      throw new Error("a submission was refused");
    return this;
  }

  worker(worker_id: string, { slots = 2, labels = {}, capabilities, seen = {} }: WorkerKind = {}): this {
    this.do({
      type: "register_worker",
      worker_id,
      incarnation: `${worker_id}/1`,
      slots,
      labels,
      capabilities: { ...PLAIN, ...capabilities },
      hw_class: "v1:x",
      inventory: [],
    });
    if (seen !== "never") this.observations.set(worker_id, { connected: true, suspect: false, ...seen });
    return this;
  }

  assign(task_id: string, worker_id: string): boolean {
    return this.do({ type: "assign_task", task_id, worker_id });
  }

  cancel(task_id: string): boolean {
    return this.do({ type: "cancel_task", task_id, reason: "asked" });
  }

  finish(task_id: string, worker_id: string, outcome: "passed" | "failed"): boolean {
    const reporter = { task_id, attempt: 1, worker_id, incarnation: `${worker_id}/1` };
    const times = { exit_code: 0, signal: null, started_at: 0, duration_ms: 1, log_bytes: 0 };
    const result = { outcome, ...times, usage: null, counts: null, document: null, error: null };
    return this.do({ type: "finish_attempt", ...reporter, result });
  }

  get view(): SchedulerView {
    return { state: this.state, observations: this.observations, now: NOW };
  }

  /** Everything that can be said of the state, as text. */
  get text(): string {
    return JSON.stringify([...saveState(this.state)]);
  }

  /** The same yard once more, to try things on. */
  copy(): Yard {
    const other = new Yard();
    other.state = restoreState(JSON.parse(this.text));
    for (const [id, seen] of this.observations) other.observations.set(id, seen);
    return other;
  }
}

const PLAIN: Capabilities = {
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
};
