/**
 * Between the workers' connections and the loop: frames become commands, committed effects become frames.
 *
 * A worker is served from its hello's commit on. What it must be told then (assignments it never got,
 * attempts it should end) is computed with the hello's decision and sent at its commit, so that nothing
 * uncommitted ever leaves. Everything for one worker that commits together shares a frame.
 */
import { hwClassFacts, resume, type Capabilities, type Effect, type WorkerId } from "../core/index.ts";
import { CLOSE, type Assignment, type Hello, type WorkerFrame } from "../protocol/index.ts";
import type { Clock, Connection, Logger, Random } from "../ports/index.ts";
import type { Liveness } from "./liveness.ts";
import type { Loop } from "./loop.ts";
import type { CoordinatorSettings } from "./settings.ts";
import { WorkerSession } from "./worker-session.ts";

export interface GatewayOptions {
  loop: Loop;
  liveness: Liveness;
  settings: CoordinatorSettings;
  clock: Clock;
  random: Random;
  logger: Logger;
  coordinatorId: string;
  clusterId: string;
  secret: Uint8Array;
  /** SHA-256 as hex. */
  hash: (text: string) => string;
}

interface Served {
  readonly session: WorkerSession;
  readonly incarnation: string;
  /** False until the hello is committed. */
  ready: boolean;
}

/** Characters of assignments in one frame; the frame limit is 1 MiB. */
const FRAME_CHARS = 512 * 1024;

export class WorkerGateway {
  readonly #options: GatewayOptions;
  readonly #served = new Map<WorkerId, Served>();
  readonly #sessions = new Set<WorkerSession>();

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  accept(connection: Connection): void {
    const { random, clusterId, secret, settings, loop } = this.#options;
    let workerId: WorkerId | null = null;
    const session = new WorkerSession({
      connection,
      random,
      clusterId,
      secret,
      epoch: () => loop.state.epoch,
      maxBufferedBytes: settings.maxBufferedBytes,
      onFrame: (frame) => {
        workerId = this.#receive(session, workerId, frame);
      },
      onClose: () => this.#closed(session, workerId),
    });
    this.#sessions.add(session);
  }

  /** Sends what has been committed. */
  run(effects: readonly Effect[]): void {
    const assignments = new Map<WorkerId, Assignment[]>();
    for (const effect of effects) {
      if (effect.kind === "send_assign") {
        const list = assignments.get(effect.worker_id) ?? [];
        list.push(assignmentOf(effect));
        assignments.set(effect.worker_id, list);
      } else if (effect.kind === "send_cancel") {
        const { task_id, attempt, reason } = effect;
        this.#ready(effect.worker_id)?.send({
          type: "cancel",
          body: { attempts: [{ task_id, attempt, reason }] },
        });
      } else {
        this.#dismiss(effect);
      }
    }
    for (const [workerId, tasks] of assignments) {
      for (const part of byChars(tasks))
        this.#ready(workerId)?.send({ type: "assign", body: { tasks: part } });
    }
  }

  close(): void {
    for (const session of this.#sessions) session.close(CLOSE.goingAway, "the coordinator stops");
  }

  #ready(workerId: WorkerId): WorkerSession | null {
    const served = this.#served.get(workerId);
    return served?.ready === true ? served.session : null;
  }

  #dismiss(effect: Extract<Effect, { kind: "close_worker" }>): void {
    const served = this.#served.get(effect.worker_id);
    if (served?.incarnation === effect.incarnation) served.session.close(CLOSE.lost, effect.reason);
  }

  #closed(session: WorkerSession, workerId: WorkerId | null): void {
    this.#sessions.delete(session);
    if (workerId === null || this.#served.get(workerId)?.session !== session) return;
    this.#served.delete(workerId);
    this.#options.liveness.disconnected(workerId);
  }

  /** @returns the worker that the session belongs to from now on */
  #receive(session: WorkerSession, workerId: WorkerId | null, frame: WorkerFrame): WorkerId | null {
    if (frame.type === "recovered") {
      this.#recovered(session, frame.body);
      return workerId;
    }
    if (frame.type === "hello") {
      if (workerId === null) return this.#hello(session, frame.body);
      session.close(CLOSE.badFrame, "a second hello");
      return workerId;
    }
    const served = workerId === null ? undefined : this.#served.get(workerId);
    if (workerId === null || served?.session !== session) {
      session.close(CLOSE.badFrame, `${frame.type} before hello`);
      return workerId;
    }
    this.#options.liveness.heard(workerId, this.#options.clock.monotonic());
    this.#handle({ workerId, incarnation: served.incarnation, session }, frame);
    return workerId;
  }

  #hello(session: WorkerSession, hello: Hello): WorkerId | null {
    const { loop, liveness, clock, hash } = this.#options;
    const refusal = this.#refuseHello(hello);
    if (refusal !== null) {
      session.close(refusal.code, refusal.reason);
      return null;
    }
    const { worker_id, incarnation, slots, labels, capabilities, inventory } = hello;
    const former = this.#served.get(worker_id);
    const served: Served = { session, incarnation, ready: false };
    this.#served.set(worker_id, served);
    former?.session.close(CLOSE.replaced, "the worker connected again");
    const offered = capabilities as Capabilities;
    const hw_class = `hw1-${hash(hwClassFacts(offered)).slice(0, 16)}`;
    loop.execute({
      type: "register_worker",
      worker_id,
      incarnation,
      slots,
      labels,
      capabilities: offered,
      hw_class,
      inventory,
    });
    liveness.connected(worker_id, clock.monotonic());
    const effects = resume(loop.state, worker_id, inventory);
    loop.afterCommit(() => this.#welcome(served, effects));
    loop.wake();
    return worker_id;
  }

  #refuseHello(hello: Hello): { code: number; reason: string } | null {
    const { loop, clock, settings, liveness } = this.#options;
    if (hello.highest_epoch > loop.state.epoch) {
      return { code: CLOSE.notLeader, reason: `epoch ${loop.state.epoch} is over` };
    }
    const served = this.#served.get(hello.worker_id);
    if (served === undefined || served.incarnation === hello.incarnation) return null;
    const heardAt = liveness.sighting(hello.worker_id)?.heardAt ?? 0;
    if (clock.monotonic() - heardAt > 2 * settings.heartbeatMs) return null;
    return { code: CLOSE.replaced, reason: `another worker is connected as ${hello.worker_id}` };
  }

  #welcome(served: Served, effects: readonly Effect[]): void {
    const { settings, coordinatorId } = this.#options;
    served.ready = true;
    const { heartbeatMs: heartbeat_ms, leaseMs: lease_ms, marginMs: margin_ms } = settings;
    served.session.send({
      type: "welcome",
      body: { coordinator_id: coordinatorId, heartbeat_ms, lease_ms, margin_ms },
    });
    this.run(effects);
  }

  #handle(
    from: { workerId: WorkerId; incarnation: string; session: WorkerSession },
    frame: Exclude<WorkerFrame, { type: "hello" | "recovered" }>,
  ): void {
    const { loop, liveness, clock } = this.#options;
    const { workerId: worker_id, incarnation, session } = from;
    switch (frame.type) {
      case "heartbeat":
        liveness.reported(worker_id, frame.body, clock.monotonic());
        return session.send({ type: "heartbeat_ack", body: { sent_ms: frame.body.sent_ms } });
      case "started":
        for (const ref of frame.body.attempts)
          loop.execute({ type: "start_attempt", ...ref, worker_id, incarnation });
        return;
      case "results":
        return this.#results(
          session,
          frame.body.results.map((item) => ({ ...item, worker_id, incarnation })),
        );
      case "draining":
        loop.execute({ type: "cordon_worker", worker_id, by: "worker", reason: frame.body.reason });
        return;
      case "goodbye":
        loop.execute({ type: "lose_worker", worker_id, incarnation, reason: frame.body.reason });
        return;
    }
  }

  /**
   * Results that a worker's former process left on disk: they count while their attempts are still current.
   */
  #recovered(session: WorkerSession, body: Extract<WorkerFrame, { type: "recovered" }>["body"]): void {
    const { worker_id } = body;
    this.#results(
      session,
      body.results.map((item) => ({ ...item, worker_id })),
    );
  }

  #results(
    session: WorkerSession,
    items: readonly (Extract<WorkerFrame, { type: "results" }>["body"]["results"][number] & {
      worker_id: string;
      incarnation: string;
    })[],
  ): void {
    const { loop } = this.#options;
    const attempts = items.map((item) => {
      const decision = loop.execute({ type: "finish_attempt", ...item });
      const answer = decision.kind === "accepted" ? decision.answer : undefined;
      const verdict = answer?.kind === "result" ? answer.verdict : ("stale_attempt" as const);
      return { task_id: item.task_id, attempt: item.attempt, verdict };
    });
    loop.afterCommit(() => session.send({ type: "result_ack", body: { attempts } }));
  }
}

function assignmentOf({ spec, lease }: Extract<Effect, { kind: "send_assign" }>): Assignment {
  const { exclusive, concurrency_key } = spec.requirements;
  const alone = exclusive === true || concurrency_key !== undefined || lease.gpus.length > 0;
  return {
    task_id: spec.task_id,
    attempt: lease.attempt,
    run_id: spec.run_id,
    project: spec.project,
    name: spec.name,
    type: spec.type,
    slot: lease.slot,
    gpus: lease.gpus,
    timeout_ms: spec.timeout_ms,
    payload: spec.payload,
    on_partition: alone ? "stop" : "finish",
  };
}

function byChars(tasks: readonly Assignment[]): Assignment[][] {
  const parts: Assignment[][] = [];
  let part: Assignment[] = [];
  let chars = 0;
  for (const task of tasks) {
    const size = 400 + task.name.length + (typeof task.payload === "string" ? task.payload.length * 1.2 : 80);
    if (chars + size > FRAME_CHARS && part.length > 0) {
      parts.push(part);
      part = [];
      chars = 0;
    }
    part.push(task);
    chars += size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
