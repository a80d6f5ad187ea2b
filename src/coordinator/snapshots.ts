/**
 * When a snapshot is due: after so many events, or so much time in which something happened. It is written
 * by a process of its own; one that fails costs a longer start and nothing else, so it is logged and tried
 * again.
 */
import { spawnSnapshot, type SnapshotRun } from "../log/index.ts";
import type { Clock, Logger } from "../ports/index.ts";

export interface SnapshotOptions {
  logDir: string;
  snapshotDir: string;
  clock: Clock;
  logger: Logger;
  /** The program that writes one, when it does not lie where a build puts it. */
  entry?: string;
  everyEvents?: number;
  everyMs?: number;
}

const EVERY_EVENTS = 250_000;
const EVERY_MS = 10 * 60_000;
/** Below this the tail folds in no time. */
const WORTH_EVENTS = 5_000;

export class Snapshots {
  readonly #options: SnapshotOptions;
  #events = 0;
  #since: number;
  #running: SnapshotRun | null = null;
  #ended = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#since = options.clock.monotonic();
  }

  committed(events: number): void {
    this.#events += events;
    if (this.#running !== null || this.#ended || !this.#isDue()) return;
    this.#events = 0;
    this.#since = this.#options.clock.monotonic();
    const { logger } = this.#options;
    this.#running = spawnSnapshot(this.#options);
    this.#running.done
      .then((report) => logger.info("snapshot written", { ...report }))
      .catch((error: unknown) => {
        if (!this.#ended) logger.warn("no snapshot was written", { reason: String(error) });
      })
      .finally(() => {
        this.#running = null;
      });
  }

  #isDue(): boolean {
    const { everyEvents = EVERY_EVENTS, everyMs = EVERY_MS, clock } = this.#options;
    if (this.#events >= everyEvents) return true;
    return this.#events >= Math.min(WORTH_EVENTS, everyEvents) && clock.monotonic() - this.#since >= everyMs;
  }

  /** Resolves once no process of ours is left. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#running?.kill();
    await this.#running?.done.catch(() => {});
  }
}
