/**
 * What goes wrong in a history: lost answers of the log, pauses, crashes, one-way cuts, lost disk caches.
 * Each draws its moments from the seed; after `untilMs` nothing new goes wrong and everything is mended,
 * because then the yard owes us every result.
 */
import type { Prng } from "../core/index.ts";
import type { SimWorker, Yard } from "./yard.ts";
import type { Workload } from "./workload.ts";

export const FAULTS = ["ack_lost", "pause", "crash", "cut", "cache_lost"] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultPlan {
  count: number;
  untilMs: number;
  slots: number;
}

export class Faults {
  readonly #yard: Yard;
  readonly #workload: Workload;
  readonly #plan: FaultPlan;
  readonly #prng: Prng;
  injected = 0;

  constructor(yard: Yard, workload: Workload, plan: FaultPlan) {
    this.#yard = yard;
    this.#workload = workload;
    this.#plan = plan;
    this.#prng = yard.prng;
  }

  schedule(): void {
    const { time } = this.#yard;
    for (let i = 0; i < this.#plan.count; i++) {
      const fault = this.#prng.pick(FAULTS);
      time.after(this.#prng.below(this.#plan.untilMs), () => this.#inject(fault));
    }
    for (let i = 0; i < 4; i++) {
      time.after(this.#prng.below(this.#plan.untilMs), () => this.#workload.cancelSomething());
      time.after(this.#prng.below(this.#plan.untilMs), () => this.#yard.takeSnapshot());
    }
    // Aimed, because chance alone would hardly ever take down two workers under the same task.
    for (let t = 500; t < this.#plan.untilMs; t += 1_500) time.after(t, () => this.#aimAtPoisonous());
  }

  #inject(fault: Fault): void {
    this.injected += 1;
    switch (fault) {
      case "ack_lost":
        return this.#loseAnswers();
      case "pause":
        return this.#pause();
      case "crash":
        return this.#crash("kept");
      case "cut":
        return this.#cut();
      case "cache_lost":
        return this.#crash("lost");
    }
  }

  #loseAnswers(): void {
    this.#yard.ackLostShare = 0.5;
    this.#yard.time.after(500 + this.#prng.below(3_000), () => {
      this.#yard.ackLostShare = 0;
    });
  }

  #pause(): void {
    const node = this.#prng.pick([
      this.#yard.coordinatorNode,
      ...this.#yard.workers.map((worker) => worker.node),
    ]);
    node.pause(this.#longOrShort());
    this.#yard.checker.paused(node.name);
  }

  #longOrShort(): number {
    return this.#prng.chance(0.4) ? 26_000 + this.#prng.below(20_000) : 100 + this.#prng.below(6_000);
  }

  #cut(): void {
    const { coordinatorNode, network, workers } = this.#yard;
    // A partition matters most to whoever runs what must not run twice.
    const aim = workers.filter(({ agent }) =>
      agent?.held.some(({ task_id }) => this.#workload.exclusive.has(task_id)),
    );
    const { node } = this.#prng.pick(aim.length > 0 ? aim : workers);
    if (this.#prng.chance(0.5)) network.cut(node, coordinatorNode, this.#longOrShort());
    else network.cut(coordinatorNode, node, this.#longOrShort());
  }

  #crash(cache: "kept" | "lost"): void {
    if (this.#prng.chance(0.4)) return this.#crashCoordinator(cache);
    this.#crashWorker(this.#prng.pick(this.#yard.workers), cache);
  }

  #crashCoordinator(cache: "kept" | "lost", patienceMs = 2_000): void {
    const yard = this.#yard;
    if (!yard.coordinatorNode.isUp) return;
    // The moment worth dying in is while an append is out; an idle coordinator has nothing to lose.
    if (!yard.isAppending && patienceMs > 0) {
      yard.time.after(1, () => this.#crashCoordinator(cache, patienceMs - 1));
      return;
    }
    const { workers, checker } = yard;
    const running = workers.some(
      ({ agent }) => agent?.held.some(({ phase }) => phase === "running") === true,
    );
    yard.crashCoordinator({ cacheLost: cache === "lost" });
    // A worker that goes down while nobody takes its results has them on its disk only.
    if (this.#prng.chance(0.5)) {
      yard.time.after(this.#prng.below(2_000), () =>
        this.#crashWorker(this.#prng.pick(yard.workers), "kept"),
      );
    }
    yard.time.after(300 + this.#prng.below(8_000), () => {
      void yard.bootCoordinator().then(() => {
        const still = workers.some(
          ({ agent }) => agent?.held.some(({ phase }) => phase === "running") === true,
        );
        if (running && still)
          checker.coverage.reached("a running attempt went on over a restart of the coordinator");
      });
    });
  }

  #crashWorker(worker: SimWorker, cache: "kept" | "lost"): void {
    const yard = this.#yard;
    if (!worker.node.isUp) return;
    yard.crashWorker(worker);
    if (cache === "kept") worker.disk.sync();
    else if (worker.disk.loseCache() > 0) yard.coverage.reached("a worker lost its disk cache");
    // Some come back within their lease, some only after they have been given up.
    const awayMs = this.#prng.chance(0.3) ? 30_000 : 200 + this.#prng.below(5_000);
    yard.time.after(awayMs, () => yard.bootWorker(worker, { slots: this.#plan.slots }));
  }

  #aimAtPoisonous(): void {
    const target = this.#workload.poisonous;
    if (target === null) return;
    const worker = this.#yard.workers.find(({ agent, node }) => {
      const held = agent?.held.some(({ task_id, phase }) => task_id === target && phase === "running");
      return held === true && !node.isPaused;
    });
    if (worker !== undefined) this.#crashWorker(worker, "kept");
  }

  /** From now on the yard must finish what it owes. */
  mend(): void {
    const yard = this.#yard;
    yard.ackLostShare = 0;
    yard.network.healAll();
    yard.coordinatorNode.resume();
    for (const { node } of yard.workers) node.resume();
  }
}
