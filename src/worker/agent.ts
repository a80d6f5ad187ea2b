/**
 * The worker's side of the conversation: which attempts it holds, and what the coordinator knows of them.
 *
 * An attempt is waiting (its slot is still busy with one that is being ended), running, or ended and not yet
 * acknowledged. What is held survives the connection: after a reconnect the hello lists it, running attempts
 * go on, and results are sent until a coordinator says that it has them. A result is written to the spool
 * before it is sent, so that it also survives this process; the next one delivers it before its own hello.
 *
 * The intuition of the lease: while heartbeats are acknowledged somebody counts on us. Once they are not,
 * attempts that must never run twice at a time are ended before the coordinator may start them elsewhere.
 */
import type { AttemptResult, Capabilities } from "../core/index.ts";
import type { Assignment, CoordinatorFrame, Heartbeat } from "../protocol/index.ts";
import type { Clock, Dialer, Logger, Random, Spool, Timer } from "../ports/index.ts";
import { Backoff } from "./backoff.ts";
import { CoordinatorLink } from "./coordinator-link.ts";
import type { Executor, RunningAttempt } from "./executor.ts";
import { Outbox } from "./outbox.ts";

export interface AgentOptions {
  workerId: string;
  incarnation: string;
  slots: number;
  labels: Record<string, string>;
  capabilities: Capabilities;
  /** Tried in turn. */
  urls: readonly string[];
  secret: Uint8Array;
  clock: Clock;
  random: Random;
  dialer: Dialer;
  spool: Spool;
  executor: Executor;
  logger: Logger;
  load: () => Omit<Heartbeat, "sent_ms" | "running">;
  /** Called with the address of the coordinator that said welcome. */
  onWelcome?: (url: string) => void;
  /** First wait before another try to connect; doubled up to 30 s. */
  reconnectMs?: number;
}

interface Held {
  readonly assignment: Assignment;
  phase:
    | { kind: "waiting" }
    | { kind: "running"; run: RunningAttempt }
    | { kind: "ended"; result: AttemptResult };
}

interface Terms {
  heartbeatMs: number;
  leaseMs: number;
  marginMs: number;
}

const RECONNECT_MS = 500;
const RECONNECT_LIMIT_MS = 30_000;

export class Agent {
  readonly #options: AgentOptions;
  readonly #held = new Map<string, Held>();
  readonly #busySlots = new Set<number>();
  /** Busy slots for which another attempt waits. */
  readonly #contested = new Set<number>();
  readonly #outbox: Outbox;
  readonly #backoff: Backoff;
  #link: CoordinatorLink | null = null;
  #nextUrl = 0;
  #terms: Terms | null = null;
  #highestEpoch = 0;
  #clusterId: string | null = null;
  /** Monotonic time at which the last acknowledged heartbeat was sent. */
  #safeSince = 0;
  #timers: Timer[] = [];
  #state: "running" | "draining" | "stopped" = "running";
  #idle: (() => void) | null = null;
  /** Results of a former process of this worker. */
  #recovered: { key: string; text: string }[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#outbox = new Outbox(options.clock, (frame) => this.#link?.send(frame));
    const limits = { firstMs: options.reconnectMs ?? RECONNECT_MS, limitMs: RECONNECT_LIMIT_MS };
    this.#backoff = new Backoff(options.random, limits);
  }

  async start(): Promise<void> {
    this.#recovered = await this.#options.spool.all();
    this.#connect();
  }

  /** Attempts in hand, for people and tests. */
  get held(): readonly { task_id: string; attempt: number; phase: "waiting" | "running" | "ended" }[] {
    return [...this.#held.values()].map(({ assignment: { task_id, attempt }, phase }) => ({
      task_id,
      attempt,
      phase: phase.kind,
    }));
  }

  /** Takes nothing new, finishes what runs, delivers the results, says goodbye. */
  drain(reason: string): Promise<void> {
    if (this.#state === "running") {
      this.#state = "draining";
      this.#link?.send({ type: "draining", body: { reason } });
    }
    return new Promise((resolve) => {
      this.#idle = () => {
        this.#link?.send({ type: "goodbye", body: { reason } });
        this.stop();
        resolve();
      };
      this.#checkIdle();
    });
  }

  /** Ends the conversation. Running attempts are the executor's to end. */
  stop(): void {
    this.#state = "stopped";
    this.#clearTimers();
    this.#link?.close();
    this.#link = null;
  }

  #connect(): void {
    if (this.#state === "stopped") return;
    const { urls, dialer, random, secret } = this.#options;
    const url = urls[this.#nextUrl % urls.length] ?? "";
    this.#nextUrl += 1;
    const link = new CoordinatorLink({
      url,
      dialer,
      random,
      secret,
      highestEpoch: () => this.#highestEpoch,
      onOpen: (clusterId) => this.#opened(clusterId),
      onFrame: (frame, epoch) => this.#receive(frame, epoch),
      onClose: (code, reason) => this.#disconnected(link, { url, code, reason }),
    });
    this.#link = link;
    link.open();
  }

  #disconnected(link: CoordinatorLink, how: { url: string; code: number; reason: string }): void {
    if (this.#link !== link) return;
    this.#link = null;
    this.#clearTimers();
    if (this.#state === "stopped") return;
    const waitMs = this.#backoff.next();
    this.#options.logger.warn(`no coordinator at ${how.url}: ${how.reason || `closed with ${how.code}`}`, {
      retry_ms: Math.round(waitMs),
    });
    this.#watchLease();
    this.#timers.push(this.#options.clock.after(waitMs, () => this.#connect()));
  }

  #opened(clusterId: string): void {
    if (this.#clusterId !== null && this.#clusterId !== clusterId) this.#dropForeign();
    this.#clusterId = clusterId;
    const { workerId, incarnation, slots, labels, capabilities, clock } = this.#options;
    for (const results of this.#recoveredParts()) {
      this.#link?.send({ type: "recovered", body: { worker_id: workerId, results } });
    }
    const inventory = [...this.#held.values()].map(({ assignment: { task_id, attempt } }) => ({
      task_id,
      attempt,
    }));
    this.#link?.send({
      type: "hello",
      body: {
        worker_id: workerId,
        incarnation,
        slots,
        labels,
        capabilities,
        inventory,
        highest_epoch: this.#highestEpoch,
        clock_ms: clock.now(),
      },
    });
  }

  /** Another cluster answers at the address: what we hold is none of its business. */
  #dropForeign(): void {
    this.#options.logger.warn("another cluster answers here; the attempts of the former one are dropped");
    this.#highestEpoch = 0;
    for (const [key, held] of this.#held) {
      if (held.phase.kind === "running") held.phase.run.cancel("its cluster is gone");
      else this.#forget(key);
    }
  }

  #recoveredParts(): Recovered[][] {
    const parts: Recovered[][] = [];
    for (const { text } of this.#recovered) {
      const item = JSON.parse(text) as Recovered;
      const last = parts.at(-1);
      if (last === undefined || last.length >= 16) parts.push([item]);
      else last.push(item);
    }
    return parts;
  }

  #receive(frame: CoordinatorFrame, epoch: number): void {
    this.#highestEpoch = Math.max(this.#highestEpoch, epoch);
    switch (frame.type) {
      case "welcome":
        return this.#welcomed(frame.body);
      case "assign":
        for (const assignment of frame.body.tasks) this.#assigned(assignment);
        return;
      case "cancel":
        for (const attempt of frame.body.attempts) this.#cancelled(attempt);
        return;
      case "result_ack":
        for (const attempt of frame.body.attempts) this.#acknowledged(attempt);
        return;
      case "heartbeat_ack":
        this.#safeSince = Math.max(this.#safeSince, frame.body.sent_ms);
        return;
    }
  }

  #welcomed(body: Extract<CoordinatorFrame, { type: "welcome" }>["body"]): void {
    const { clock, onWelcome, logger } = this.#options;
    this.#terms = { heartbeatMs: body.heartbeat_ms, leaseMs: body.lease_ms, marginMs: body.margin_ms };
    this.#backoff.reset();
    this.#safeSince = clock.monotonic();
    onWelcome?.(this.#link?.url ?? "");
    logger.info(`connected to coordinator ${body.coordinator_id}`, { epoch: this.#highestEpoch });
    for (const held of this.#held.values()) {
      const { task_id, attempt } = held.assignment;
      if (held.phase.kind === "running") this.#outbox.started({ task_id, attempt });
      if (held.phase.kind === "ended") this.#outbox.result({ task_id, attempt, result: held.phase.result });
    }
    if (this.#state === "draining")
      this.#link?.send({ type: "draining", body: { reason: "the worker stops" } });
    this.#heartbeat();
  }

  #heartbeat(): void {
    const { clock, load } = this.#options;
    if (this.#terms === null || this.#link === null) return;
    const now = clock.monotonic();
    if (now - this.#safeSince > this.#terms.leaseMs) return this.#link.fail("heartbeats are not answered");
    this.#clearTimers();
    this.#link.send({ type: "heartbeat", body: { sent_ms: now, running: this.#busySlots.size, ...load() } });
    this.#watchLease();
    this.#timers.push(clock.after(this.#terms.heartbeatMs, () => this.#heartbeat()));
  }

  /** Attempts that must stop in a partition are ended before the coordinator may count them as lost. */
  #watchLease(): void {
    if (this.#terms === null) return;
    const { clock } = this.#options;
    const deadline = this.#safeSince + this.#terms.leaseMs - this.#terms.marginMs;
    const waitMs = deadline - clock.monotonic();
    if (waitMs > 0) {
      this.#timers.push(clock.after(waitMs, () => this.#watchLease()));
      return;
    }
    for (const { assignment, phase } of this.#held.values()) {
      if (phase.kind !== "running" || assignment.on_partition !== "stop") continue;
      phase.run.cancel("the lease ends and no coordinator answers");
    }
  }

  #assigned(assignment: Assignment): void {
    const key = keyOf(assignment);
    if (this.#held.has(key)) return;
    const held: Held = { assignment, phase: { kind: "waiting" } };
    this.#held.set(key, held);
    this.#startIfFree(key, held);
  }

  #startIfFree(key: string, held: Held): void {
    const { slot, task_id, attempt } = held.assignment;
    if (this.#state === "stopped") return;
    if (this.#busySlots.has(slot)) {
      this.#contested.add(slot);
      return;
    }
    this.#busySlots.add(slot);
    const run = this.#options.executor.start(held.assignment, () =>
      this.#outbox.started({ task_id, attempt }),
    );
    held.phase = { kind: "running", run };
    void run.done.then((result) => this.#ended(key, held, result));
  }

  #ended(key: string, held: Held, result: AttemptResult): void {
    const { task_id, attempt, slot } = held.assignment;
    this.#busySlots.delete(slot);
    this.#startWaiting(slot);
    held.phase = { kind: "ended", result };
    this.#outbox.ended({ task_id, attempt });
    // Only what can still count is worth keeping.
    if (result.outcome === "cancelled") return this.#outbox.result({ task_id, attempt, result });
    const record: Recovered = { task_id, attempt, incarnation: this.#options.incarnation, result };
    this.#options.spool.put(key, JSON.stringify(record)).then(
      () => this.#outbox.result({ task_id, attempt, result }),
      (cause: unknown) => {
        this.#options.logger.error(`the result of ${key} could not be kept on disk: ${String(cause)}`);
        this.#outbox.result({ task_id, attempt, result });
      },
    );
  }

  #startWaiting(slot: number): void {
    if (!this.#contested.has(slot)) return;
    this.#contested.delete(slot);
    for (const [key, held] of this.#held) {
      if (held.phase.kind === "waiting" && held.assignment.slot === slot) this.#startIfFree(key, held);
    }
  }

  #cancelled({ task_id, attempt, reason }: { task_id: string; attempt: number; reason: string }): void {
    const key = keyOf({ task_id, attempt });
    const held = this.#held.get(key);
    if (held?.phase.kind === "running") return held.phase.run.cancel(reason);
    if (held?.phase.kind === "ended") return;
    if (held !== undefined) this.#forget(key);
    this.#outbox.result({ task_id, attempt, result: neverRan(this.#options.clock.now()) });
  }

  #acknowledged(attempt: { task_id: string; attempt: number; verdict: string }): void {
    this.#forget(keyOf(attempt));
    this.#recovered = this.#recovered.filter(({ key }) => key !== keyOf(attempt));
    this.#checkIdle();
  }

  #forget(key: string): void {
    const held = this.#held.get(key);
    if (held?.phase.kind === "running") return;
    this.#held.delete(key);
    this.#options.spool.remove(key).catch((cause: unknown) => {
      this.#options.logger.error(`a delivered result stays on disk: ${String(cause)}`);
    });
  }

  #checkIdle(): void {
    if (this.#idle !== null && this.#held.size === 0) {
      const done = this.#idle;
      this.#idle = null;
      done();
    }
  }

  #clearTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
  }
}

interface Recovered {
  task_id: string;
  attempt: number;
  incarnation: string;
  result: AttemptResult;
}

function keyOf({ task_id, attempt }: { task_id: string; attempt: number }): string {
  return `${task_id}/${attempt}`;
}

function neverRan(now: number): AttemptResult {
  return {
    outcome: "cancelled",
    exit_code: null,
    signal: null,
    started_at: now,
    duration_ms: 0,
    usage: null,
    counts: null,
    document: null,
    log_bytes: 0,
    error: null,
  };
}
