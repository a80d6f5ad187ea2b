/**
 * Who was heard when: soft state of the leader, never logged. A judgement (lost) is a command.
 *
 * The hard part is not to judge on one's own account: after a start nobody has been heard yet, and after a
 * pause of this very process every worker looks silent although its heartbeats wait in the socket. In both
 * cases everybody gets time before silence counts.
 */
import type { State, WorkerId } from "../core/index.ts";
import type { Heartbeat } from "../protocol/index.ts";
import type { WorkerObservation } from "../scheduler/index.ts";
import type { CoordinatorSettings } from "./settings.ts";

export interface Sighting extends WorkerObservation {
  /** Monotonic milliseconds. Silence counts from here. */
  heardAt: number;
}

export class Liveness {
  readonly #settings: CoordinatorSettings;
  readonly #sightings = new Map<WorkerId, Sighting>();
  readonly #startedAt: number;
  #lookedAt: number;

  constructor(settings: CoordinatorSettings, monotonicNow: number) {
    this.#settings = settings;
    this.#startedAt = monotonicNow;
    this.#lookedAt = monotonicNow;
  }

  /** What the scheduler looks at. */
  get observations(): ReadonlyMap<WorkerId, Sighting> {
    return this.#sightings;
  }

  heard(workerId: WorkerId, now: number): void {
    const sighting = this.#sighting(workerId, now);
    sighting.heardAt = now;
    sighting.suspect = false;
  }

  reported(workerId: WorkerId, load: Heartbeat, now: number): void {
    this.heard(workerId, now);
    const { cpu_share: cpu, memory_free_mb } = load;
    this.#sighting(workerId, now).load = { cpu, memory_free_mb };
  }

  connected(workerId: WorkerId, now: number): void {
    this.heard(workerId, now);
    this.#sighting(workerId, now).connected = true;
  }

  disconnected(workerId: WorkerId): void {
    const sighting = this.#sightings.get(workerId);
    if (sighting !== undefined) sighting.connected = false;
  }

  forget(workerId: WorkerId): void {
    this.#sightings.delete(workerId);
  }

  sighting(workerId: WorkerId): Sighting | undefined {
    return this.#sightings.get(workerId);
  }

  /**
   * Online workers whose lease is over by every clock. Call often: the gaps between calls reveal own
   * pauses.
   */
  overdue(state: State, now: number): { worker_id: WorkerId; incarnation: string; silentMs: number }[] {
    this.#forgiveOwnPause(now);
    for (const sighting of this.#sightings.values()) {
      sighting.suspect = now - sighting.heardAt > this.#settings.suspectMs;
    }
    const { leaseMs, marginMs, reconnectWindowMs } = this.#settings;
    const limit = leaseMs + marginMs;
    const overdue = [];
    for (const { worker_id, incarnation, status } of state.workers.values()) {
      if (status.state !== "online") continue;
      const heardAt = this.#sightings.get(worker_id)?.heardAt ?? this.#startedAt + reconnectWindowMs;
      const silentMs = now - heardAt;
      if (silentMs > limit) overdue.push({ worker_id, incarnation, silentMs });
    }
    return overdue;
  }

  /** Time in which this process did not run is nobody's silence. */
  #forgiveOwnPause(now: number): void {
    const gap = now - this.#lookedAt;
    this.#lookedAt = now;
    if (gap < this.#settings.heartbeatMs) return;
    for (const sighting of this.#sightings.values()) sighting.heardAt = Math.min(now, sighting.heardAt + gap);
  }

  #sighting(workerId: WorkerId, now: number): Sighting {
    let sighting = this.#sightings.get(workerId);
    if (sighting === undefined) {
      sighting = { connected: false, suspect: false, heardAt: now };
      this.#sightings.set(workerId, sighting);
    }
    return sighting;
  }
}
