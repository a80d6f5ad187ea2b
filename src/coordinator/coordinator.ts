/**
 * A leading coordinator without its shell: loop, workers' gateway, scheduler and housekeeping, all against
 * ports. The process around it adds HTTP, results and the data directory; the simulation adds faults.
 */
import type { Event, State } from "../core/index.ts";
import type { EventLog, Tip } from "../log/index.ts";
import type { Clock, Connection, Logger, Random, Timer } from "../ports/index.ts";
import {
  createScheduler,
  type Explanation,
  type Scheduler,
  type SchedulerOptions,
} from "../scheduler/index.ts";
import { Liveness } from "./liveness.ts";
import { Loop, LoopEnded, type Committed, type LoopOptions } from "./loop.ts";
import type { CoordinatorSettings } from "./settings.ts";
import { WorkerGateway } from "./worker-gateway.ts";

export interface Identity {
  coordinator_id: string;
  incarnation: string;
  host: string;
  pid: number;
  pid_started: string;
}

export interface CoordinatorOptions {
  /** The log folded up to `tip`. */
  state: State;
  tip: Tip;
  log: EventLog;
  clusterId: string;
  identity: Identity;
  /** Shared with the workers, 32 bytes. */
  secret: Uint8Array;
  clock: Clock;
  random: Random;
  logger: Logger;
  settings: CoordinatorSettings;
  /** SHA-256 as hex. */
  hash: (text: string) => string;
  workspaceOf?: NonNullable<SchedulerOptions["workspaceOf"]>;
  /** Position up to which results hold everything; ended tasks above it stay in memory. */
  projectedPosition: () => number;
  onCommitted?: (committed: Committed) => void;
  onAppended?: NonNullable<LoopOptions["onAppended"]>;
  /** Called after every event folded: the place for checks. */
  onFolded?: (event: Event, state: State) => void;
  /** It has stopped by itself: another leads, or the log is broken. */
  onEnded: (error: LoopEnded) => void;
}

const TICK_MS = 1_000;
const RETRY_TICK_MS = 50;
const PLACEMENTS_PER_RECORD = 1_000;
const FORGET_PER_TICK = 20_000;

export class Coordinator {
  readonly loop: Loop;
  readonly liveness: Liveness;
  readonly #options: CoordinatorOptions;
  readonly #gateway: WorkerGateway;
  readonly #scheduler: Scheduler;
  readonly #timers = new Map<string, Timer>();
  #plannedRevision = -1;
  #connectedAtPlan = 0;
  #claimed = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { clock, settings, workspaceOf } = options;
    this.#scheduler = createScheduler(workspaceOf === undefined ? {} : { workspaceOf });
    this.liveness = new Liveness(settings, clock.monotonic());
    this.loop = new Loop({
      ...options,
      beforeSeal: () => this.#place(),
      onEffects: (effects) => this.#gateway.run(effects),
      onEnded: (error) => this.#ended(error),
    });
    const { coordinator_id: coordinatorId } = options.identity;
    this.#gateway = new WorkerGateway({
      ...options,
      coordinatorId,
      loop: this.loop,
      liveness: this.liveness,
    });
  }

  /** Leads from the moment this resolves. */
  async start(): Promise<void> {
    const { identity, clusterId } = this.#options;
    this.loop.execute({ type: "claim_leadership", cluster_id: clusterId, ...identity });
    await this.loop.committed();
    this.#claimed = true;
    this.#every("health", TICK_MS, () => this.#tick());
    this.#every("retries", RETRY_TICK_MS, () => this.#retries());
    this.loop.wake();
  }

  accept(connection: Connection): void {
    this.#gateway.accept(connection);
  }

  explain(taskId: string): Explanation | null {
    return this.#scheduler.explain(this.#view(), taskId);
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    this.#gateway.close();
    this.loop.end(new LoopEnded("shutting_down", "the coordinator stops"));
  }

  #ended(error: LoopEnded): void {
    this.stop();
    this.#options.onEnded(error);
  }

  #every(name: string, periodMs: number, call: () => void): void {
    const again = (): void => {
      call();
      if (this.#timers.has(name)) this.#timers.set(name, this.#options.clock.after(periodMs, again));
    };
    this.#timers.set(name, this.#options.clock.after(periodMs, again));
  }

  #view(): Parameters<Scheduler["plan"]>[0] {
    return { state: this.loop.state, observations: this.liveness.observations, now: this.loop.now };
  }

  /** Placements share the record of whatever made them possible. */
  #place(): void {
    const { loop } = this;
    if (!this.#claimed || loop.state.queuedCount === 0) return;
    if (loop.revision === this.#plannedRevision && !this.#hasNews()) return;
    const placements = this.#scheduler.plan(this.#view(), { limit: PLACEMENTS_PER_RECORD });
    for (const placement of placements) loop.execute({ type: "assign_task", ...placement });
    this.#plannedRevision = loop.revision;
    this.#connectedAtPlan = this.#connectedCount();
    // More may fit than one record should hold: the next turn goes on.
    if (placements.length === PLACEMENTS_PER_RECORD) this.#plannedRevision = -1;
  }

  #connectedCount(): number {
    let count = 0;
    for (const { connected, suspect } of this.liveness.observations.values())
      if (connected && !suspect) count += 1;
    return count;
  }

  #hasNews(): boolean {
    return this.#connectedCount() !== this.#connectedAtPlan;
  }

  #tick(): void {
    const { clock, logger } = this.#options;
    for (const { worker_id, incarnation, silentMs } of this.liveness.overdue(
      this.loop.state,
      clock.monotonic(),
    )) {
      const reason = `silent for ${Math.round(silentMs / 1000)} s`;
      logger.warn(`worker ${worker_id} is lost: ${reason}`);
      this.loop.execute({ type: "lose_worker", worker_id, incarnation, reason });
      this.liveness.forget(worker_id);
    }
    this.#forget();
    this.loop.wake();
  }

  #retries(): void {
    if (this.loop.state.nextRetryAt <= this.#options.clock.now()) this.loop.execute({ type: "tick" });
  }

  /** Ended tasks leave memory once results have them: the old ones, and all beyond the limit. */
  #forget(): void {
    const { state } = this.loop;
    const { projectedPosition, settings } = this.#options;
    const projected = projectedPosition();
    let excess = state.ended.size - settings.keepEndedTasks;
    const ids: string[] = [];
    for (const { spec, status } of state.ended) {
      if (!("position" in status) || status.position > projected || ids.length >= FORGET_PER_TICK) break;
      if (excess <= 0 && status.ended_at > this.loop.now - settings.keepEndedMs) break;
      ids.push(spec.task_id);
      excess -= 1;
    }
    if (ids.length > 0) this.loop.execute({ type: "forget_tasks", task_ids: ids });
  }
}
