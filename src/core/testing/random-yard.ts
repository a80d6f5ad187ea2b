/**
 * A yard under random commands: a model of workers that start, end, forget, repeat and confuse their
 * attempts, of submitters and of operators. A step is four numbers, so that fast-check can shrink a
 * history.
 */
import fc from "fast-check";
import type { Command, FinishAttempt, HeldAttempt, Submit } from "../command.ts";
import { decide } from "../decide.ts";
import type { Requirements, Resources } from "../requirements.ts";
import type { AttemptOutcome } from "../result.ts";
import { hasEnded, type EndState, type Lease, type TaskSpec } from "../task.ts";
import * as a from "./build.ts";
import { Yard } from "./yard.ts";

const KINDS = {
  submit: 6,
  assign: 10,
  start: 8,
  finish: 10,
  confuse: 3,
  repeat: 3,
  cancel: 3,
  release: 2,
  lose: 3,
  reconnect: 3,
  restart: 3,
  cordon: 1,
  uncordon: 1,
  tick: 4,
  forget: 2,
  claim: 1,
  unsealed: 1,
  crash: 3,
  webhook: 1,
  settle: 2,
  schedule: 1,
  fire: 2,
} as const;

type Kind = keyof typeof KINDS;

export interface RandomStep {
  readonly kind: Kind;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

const kinds = (Object.keys(KINDS) as Kind[]).map((kind) => ({
  weight: KINDS[kind],
  arbitrary: fc.constant(kind),
}));

export const randomSteps = (maxLength: number): fc.Arbitrary<RandomStep[]> =>
  fc.array(fc.record({ kind: fc.oneof(...kinds), a: fc.nat(999), b: fc.nat(999), c: fc.nat(999) }), {
    maxLength,
    size: "max",
  });

const OUTCOMES: readonly AttemptOutcome[] = [
  "passed",
  "passed",
  "failed",
  "timed_out",
  "infrastructure",
  "cancelled",
];
const NOTHING: Resources = { cpu_milli: 0, memory_mb: 0, gpu: 0 };
const ASKED: readonly { requirements: Requirements; resources: Resources }[] = [
  { requirements: {}, resources: NOTHING },
  { requirements: {}, resources: { ...NOTHING, cpu_milli: 5_000 } },
  { requirements: {}, resources: { ...NOTHING, memory_mb: 7_000 } },
  { requirements: { hardware: ["cuda"] }, resources: { ...NOTHING, gpu: 1 } },
  { requirements: { min_cuda_compute: "8.0" }, resources: { ...NOTHING, gpu: 2 } },
  { requirements: { exclusive: true }, resources: NOTHING },
  { requirements: { concurrency_key: "db" }, resources: NOTHING },
  { requirements: { hardware: ["tpu"] }, resources: NOTHING },
  {
    requirements: { preferences: [{ attribute: "label.kind", operator: "=", value: "1", weight: 2 }] },
    resources: NOTHING,
  },
];

const pick = <T>(items: readonly T[], index: number): T | undefined =>
  items[index % Math.max(1, items.length)];

export class RandomYard extends Yard {
  /** Results sent so far, to be sent again. */
  readonly sent: FinishAttempt[] = [];
  readonly forgotten: Record<string, EndState> = {};
  #made = 0;
  #started = 0;

  /** A second yard that goes on from here by itself, on another state. */
  continueOn(state: Yard["state"]): RandomYard {
    const other = new RandomYard(state, this.now);
    other.sent.push(...this.sent);
    Object.assign(other.forgotten, this.forgotten);
    other.#made = this.#made;
    other.#started = this.#started;
    return other;
  }

  open(): this {
    this.do(a.claim);
    this.do(a.openRun);
    for (const id of ["w0", "w1", "w2"]) this.#hello(id, []);
    return this;
  }

  step(step: RandomStep): void {
    if (step.kind === "unsealed") return this.#unsealed();
    if (step.kind === "crash") return this.#crash(step);
    const command = this.#command(step);
    if (command === null) return;
    if (command.type === "finish_attempt") this.sent.push(command);
    if (command.type === "forget_tasks") this.#note(command.task_ids);
    this.do(command);
  }

  #command({ kind, a: i, b, c }: RandomStep): Command | null {
    const { tasks, workers } = this.state;
    const task = pick([...tasks.keys()], i);
    const worker = pick([...workers.values()], i);
    switch (kind) {
      case "submit":
        return this.#submission(i, b, c);
      case "assign": {
        const queued = [...tasks.values()].filter(({ status }) => status.state === "queued");
        const id = pick(queued, i)?.spec.task_id;
        return id === undefined ? null : a.assign(id, `w${b % 3}`);
      }
      case "start": {
        const lease = this.#out(i);
        return lease === null ? null : a.start(lease.task_id, whoHolds(lease));
      }
      case "finish": {
        const lease = this.#out(i);
        const outcome = OUTCOMES[b % OUTCOMES.length] ?? "passed";
        return lease === null ? null : a.finish(lease.task_id, outcome, whoHolds(lease));
      }
      case "confuse": {
        const lease = this.#out(i);
        if (lease === null) return null;
        const wrong = { ...whoHolds(lease), attempt: lease.attempt - 1 + (b % 3), worker: `w${c % 3}` };
        return a.finish(lease.task_id, c % 2 === 0 ? "passed" : "failed", wrong);
      }
      case "repeat":
        return pick(this.sent, i) ?? null;
      case "cancel":
        return task === undefined ? null : a.cancel(task);
      case "release":
        return this.#release(i) ?? (task === undefined ? null : a.release(task));
      case "lose":
        return worker === undefined ? null : a.lose(worker.worker_id, worker.incarnation);
      case "reconnect": {
        if (worker === undefined) return null;
        const kept = [...worker.held].filter((_, n) => (b >> (n % 10)) % 2 === 0);
        const inventory = kept.map(([id, { lease }]) => a.held(id, lease.attempt));
        return this.#registration(worker.worker_id, worker.incarnation, inventory);
      }
      case "restart":
        return this.#registration(`w${i % 3}`, this.#incarnation(`w${i % 3}`), []);
      case "cordon":
        return a.cordon(`w${i % 3}`, b % 2 === 0 ? "operator" : "worker");
      case "uncordon":
        return a.uncordon(`w${i % 3}`);
      case "tick":
        this.now += b;
        return a.tick;
      case "forget":
        return a.forget(...[...tasks.keys()].filter((_, n) => (n + i) % 2 === 0));
      case "claim":
        return a.claim;
      case "webhook":
        return this.#webhook(i, b);
      case "settle":
        return this.#settle(i, b);
      case "schedule":
        return a.schedule(`s${i % 2}`, b % 5 === 0 ? "remove" : b % 2 === 0 ? "skip" : "allow");
      case "fire":
        return this.#fire(i, b, c);
      case "unsealed":
      case "crash":
        return null;
    }
  }

  #webhook(i: number, b: number): Command {
    const webhook_id = `h${i % 3}`;
    if (b % 4 === 0) return { type: "remove_webhook", webhook_id };
    const run_id = b % 4 === 1 ? "run" : null;
    return { type: "add_webhook", webhook_id, url: `https://example.com/${webhook_id}`, run_id };
  }

  #settle(i: number, b: number): Command | null {
    const past = pick([...this.state.pastDeliveries.keys()], i);
    if (b % 3 === 0) return past === undefined ? null : { type: "redeliver_webhook", delivery_id: past };
    const delivery_id = pick([...this.state.deliveries.keys()], i) ?? past;
    if (delivery_id === undefined) return null;
    const outcome =
      b % 3 === 1
        ? ({ kind: "delivered", http_status: 200, attempts: 1 } as const)
        : ({ kind: "given_up", code: "webhook_answer", reason: "500", attempts: 9 } as const);
    return { type: "settle_delivery", delivery_id, outcome };
  }

  #fire(i: number, b: number, c: number): Command {
    const name = `s${i % 2}`;
    const due_at = this.now - (b % 3) * 100;
    if (c % 4 === 0) return { type: "skip_schedule", name, due_at, cause: "missed", reason: "too late" };
    const run_id = `run${this.#made++}`;
    const tasks = [a.task(`t${this.#made++}`, { run_id })];
    const submission = a.submit(tasks, { run_id, submission_id: `s${this.#made}` });
    return { type: "fire_schedule", name, due_at, by: c % 4 === 1 ? "hand" : "time", submission };
  }

  #release(i: number): Command | null {
    const poisoned = [...this.state.tasks.values()].filter(({ status }) => status.state === "poisoned");
    const id = pick(poisoned, i)?.spec.task_id;
    return id === undefined ? null : a.release(id);
  }

  /** The attempt of some task that is out, or still held though its task is cancelled. */
  #out(i: number): (Lease & { task_id: string }) | null {
    const held = [...this.state.workers.values()].flatMap((worker) =>
      [...worker.held].map(([task_id, { lease }]) => ({ ...lease, task_id })),
    );
    return pick(held, i) ?? null;
  }

  #submission(i: number, b: number, c: number): Submit {
    const tasks: TaskSpec[] = [];
    for (let n = 0; n <= i % 4; n++) tasks.push(this.#task(i + n, b + 7 * n, { earlier: tasks, c }));
    const differences = c % 3 === 0 ? { idempotency: { key: `k${b % 4}`, body_hash: `h${i % 2}` } } : {};
    const submission_id = `s${this.#made}`;
    return a.submit(tasks, { ...differences, submission_id, resolved: { ...this.forgotten } });
  }

  #task(i: number, b: number, { earlier, c }: { earlier: readonly TaskSpec[]; c: number }): TaskSpec {
    const known = [
      ...earlier.map(({ task_id }) => task_id),
      ...this.state.tasks.keys(),
      ...Object.keys(this.forgotten),
    ];
    const dependencies = [b, b >> 2].slice(0, c % 3).flatMap((n) => pick(known, n) ?? []);
    return a.task(`t${this.#made++}`, {
      ...ASKED[i % ASKED.length],
      dependencies,
      priority: b % 3,
      estimate_ms: b % 4 === 0 ? null : b,
      max_retries: i % 3,
      retry_delay_ms: b % 2 === 0 ? 0 : 300,
    });
  }

  #incarnation(id: string): string {
    this.#started += 1;
    return `${id}/${this.#started}`;
  }

  #hello(id: string, inventory: HeldAttempt[]): void {
    this.do(this.#registration(id, this.#incarnation(id), inventory));
  }

  #registration(id: string, incarnation: string, inventory: HeldAttempt[]): Command {
    const gpus = id === "w0" ? [] : [a.gpu(0, { compute: "7.5" }), a.gpu(1), a.gpu(2)];
    const capabilities = a.capabilities({ gpus, hardware: gpus.length > 0 ? ["cpu", "cuda"] : ["cpu"] });
    return a.register(id, { incarnation, inventory, capabilities, slots: 3, labels: { kind: id.slice(1) } });
  }

  #note(ids: readonly string[]): void {
    for (const id of ids) {
      const status = this.state.tasks.get(id)?.status;
      if (status !== undefined && hasEnded(status)) this.forgotten[id] = status.state;
    }
  }

  /** A leader that dies between two records of one decision, and the next one. */
  #crash(step: RandomStep): void {
    const kind = pick(["finish", "cancel", "lose", "restart", "reconnect"] as const, step.c) ?? "finish";
    const command = this.#command({ ...step, kind });
    if (command === null) return;
    const decision = decide(this.state, command, this.now);
    if (decision.kind === "accepted")
      this.record(decision.events.slice(0, step.b % (decision.events.length + 1)));
    this.do(a.claim);
  }

  /** A leader that dies in the middle of a submission, and the next one. */
  #unsealed(): void {
    const spec = a.task(`t${this.#made++}`);
    const { task_id: first_task_id, run_id, project } = spec;
    const submission_id = `s${first_task_id}`;
    const opening = { submission_id, project, run_id, first_task_id, count: 1, idempotency: null };
    this.record([{ type: "SubmissionOpened", v: 1, ...opening }]);
    this.record([{ type: "TasksAdded", v: 1, submission_id, tasks: [spec], resolved: {} }]);
    this.do(a.claim);
  }
}

function whoHolds({ attempt, worker_id, incarnation }: Lease): a.Which {
  return { attempt, worker: worker_id, incarnation };
}
