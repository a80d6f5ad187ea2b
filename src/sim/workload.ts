/**
 * The clients of a simulated yard: submissions, cancels, and the stubbornness of a client whose answer did
 * not come: it asks again with the same key until it is told.
 */
import { assert, ulid, ulidAfter, type Decision, type Prng, type TaskSpec } from "../core/index.ts";
import type { SimPlan } from "./sim-executor.ts";
import type { Yard } from "./yard.ts";

interface Submission {
  readonly id: string;
  readonly tasks: TaskSpec[];
  answered: boolean;
}

const RUN = "01JGSIMRUN0000000000000000";
const ASK_AGAIN_MS = 4_000;

export class Workload {
  readonly #yard: Yard;
  readonly #prng: Prng;
  readonly #submissions: Submission[] = [];
  readonly #exclusive = new Set<string>();
  #poisonous: string | null = null;

  constructor(yard: Yard) {
    this.#yard = yard;
    this.#prng = yard.prng;
  }

  get allAnswered(): boolean {
    return this.#submissions.every(({ answered }) => answered);
  }

  /** A task that the plan of faults aims at while it runs. */
  get poisonous(): string | null {
    return this.#poisonous;
  }

  /** Tasks that must not run twice at a time. */
  get exclusive(): ReadonlySet<string> {
    return this.#exclusive;
  }

  plan(options: { submissions: number; overMs: number }): void {
    for (let i = 0; i < options.submissions; i++) {
      const submission = this.#compose(1 + this.#prng.below(12));
      this.#submissions.push(submission);
      this.#yard.time.after(this.#prng.below(options.overMs), () => this.#ask(submission));
    }
  }

  #compose(count: number): Submission {
    const first = ulid(1_767_225_600_000 + this.#submissions.length, this.#prng.bytes(10));
    const earlier = this.#submissions.flatMap(({ tasks }) => tasks.map(({ task_id }) => task_id));
    const tasks: TaskSpec[] = [];
    for (let i = 0; i < count; i++) {
      const before = [...tasks.map(({ task_id }) => task_id), ...earlier.slice(-5)];
      tasks.push(this.#task(ulidAfter(first, i), before));
    }
    return { id: first, tasks, answered: false };
  }

  #task(task_id: string, before: readonly string[]): TaskSpec {
    const prng = this.#prng;
    const plan: SimPlan = { attempts: [this.#attempt(), this.#attempt(), this.#attempt()] };
    if (this.#poisonous === null && prng.chance(0.05)) {
      this.#poisonous = task_id;
      plan.attempts = [{ duration_ms: 8_000, outcome: "passed" }];
    }
    const exclusive = prng.chance(0.08);
    const keyed = prng.chance(0.15);
    if (exclusive || keyed) this.#exclusive.add(task_id);
    // Long enough to outlive a lease: a partition must find it running.
    if ((exclusive || keyed) && prng.chance(0.4))
      plan.attempts = [{ duration_ms: 30_000, outcome: "passed" }];
    return {
      task_id,
      run_id: RUN,
      project: "default",
      name: "simulated",
      type: "test",
      priority: 1 + prng.below(5),
      requirements: {
        ...(exclusive && { exclusive: true as const }),
        ...(keyed && { concurrency_key: prng.pick(["db", "port"]) }),
      },
      resources: { cpu_milli: prng.pick([0, 0, 1000, 2000]), memory_mb: 0, gpu: 0 },
      timeout_ms: prng.chance(0.1) ? 2_000 : 60_000,
      max_retries: prng.below(3),
      retry_delay_ms: prng.pick([0, 0, 500, 3_000]),
      dependencies: before.length > 0 && prng.chance(0.25) ? [prng.pick(before)] : [],
      estimate_ms: prng.chance(0.5) ? prng.below(5_000) : null,
      payload: JSON.stringify({ config: plan }),
    };
  }

  #attempt(): SimPlan["attempts"][number] {
    const prng = this.#prng;
    const outcome = prng.pick(["passed", "passed", "passed", "passed", "failed", "infrastructure"] as const);
    return { duration_ms: 10 + Math.floor(prng.unit() ** 3 * 15_000), outcome };
  }

  /** A request reaches the coordinator in its own time, or nobody. */
  #ask(submission: Submission): void {
    if (submission.answered) return;
    this.#yard.time.after(ASK_AGAIN_MS, () => this.#ask(submission));
    const { coordinatorNode: node } = this.#yard;
    if (node.isUp) node.guard(() => this.#submit(submission))();
  }

  #submit(submission: Submission): void {
    const { coordinator, checker, coverage } = this.#yard;
    if (coordinator === null || coordinator.loop.state.epoch === 0) return;
    const { loop } = coordinator;
    if (!loop.state.runs.has(RUN)) {
      loop.execute({ type: "open_run", run_id: RUN, project: "default", run_key: null, name: "sim" });
    }
    const decision: Decision = loop.execute({
      type: "submit",
      submission_id: submission.id,
      project: "default",
      run_id: RUN,
      tasks: submission.tasks,
      idempotency: { key: submission.id, body_hash: "b" },
      resolved: this.#resolved(submission),
    });
    if (decision.kind === "rejected") {
      // What it builds on has not been submitted yet: the client comes back.
      const { code } = decision.rejection;
      assert(code === "dependency_unknown", `refused: ${JSON.stringify(decision.rejection)}`);
      return;
    }
    const { answer } = decision;
    if (answer?.kind === "submitted" && answer.replayed)
      coverage.reached("a submission was answered from its key");
    // The answer itself may be lost on its way: the client hears of it, or asks again.
    const heard = !this.#prng.chance(0.15);
    loop.afterCommit(() => {
      checker.acknowledged(submission.tasks.map(({ task_id }) => task_id));
      if (heard) submission.answered = true;
    });
  }

  /** What results would answer for dependencies that have left memory. */
  #resolved(
    submission: Submission,
  ): Record<string, "completed" | "failed" | "timed_out" | "cancelled" | "skipped"> {
    const ids = submission.tasks.flatMap(({ dependencies }) => dependencies);
    return Object.fromEntries(ids.flatMap((id) => this.#yard.checker.endOf(id)));
  }

  cancelSomething(): void {
    const { coordinator, coordinatorNode: node, prng } = this.#yard;
    if (coordinator === null || !node.isUp) return;
    node.guard(() => {
      const tasks = [...coordinator.loop.state.tasks.keys()];
      if (tasks.length === 0) return;
      coordinator.loop.execute({
        type: "cancel_task",
        task_id: prng.pick(tasks),
        reason: "the client changed its mind",
      });
    })();
  }
}
