/**
 * Deliveries: takes from the state what is to be told to whom, and tries until it is told or has become old.
 *
 * Each delivery is tried at moments that lie at fixed distances from when it came up. A coordinator that
 * starts tries everything that waits once and goes on from there: nothing about tries is kept, and still
 * their number is bounded. A receiver may hear the same message twice (its answer was lost, or the
 * coordinator died before it wrote it down), always under the same id.
 */
import type { Delivery } from "../../core/index.ts";
import type { Clock, Logger, Timer } from "../../ports/index.ts";
import type { Committed, Loop } from "../loop.ts";
import { attempt, type AttemptEnd, type Way } from "./attempt.ts";
import { messageOf } from "./message.ts";
import type { Trouble } from "./policy.ts";

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000] as const;
/** Distances of the tries from the moment at which the delivery came up; after the last it is given up. */
export const TRIES_MS = [
  0,
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  1 * HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  16 * HOUR,
  24 * HOUR,
] as const;
const AT_A_TIME = 8;

export interface DeliveriesOptions {
  loop: Loop;
  clock: Clock;
  logger: Logger;
  way: Way;
  /** Where people find the yard. */
  yardUrl: () => string;
}

export interface Tries {
  /** Since this coordinator started. */
  attempts: number;
  next_at: number;
  last: Trouble | null;
}

interface Entry extends Tries {
  since: number;
  isOut: boolean;
}

const NEWS = new Set(["RunEnded", "WebhookRedelivered", "WebhookRemoved", "WebhookGivenUp"]);

export class Deliveries {
  readonly #options: DeliveriesOptions;
  readonly #entries = new Map<string, Entry>();
  #timer: Timer | null = null;
  #out = 0;
  #state: "new" | "running" | "stopped" = "new";

  constructor(options: DeliveriesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#state = "running";
    this.#look();
  }

  stop(): void {
    this.#state = "stopped";
    this.#timer?.cancel();
  }

  committed({ events }: Committed): void {
    if (events.some(({ type }) => NEWS.has(type))) this.#look();
  }

  triesOf(deliveryId: string): Tries | null {
    return this.#entries.get(deliveryId) ?? null;
  }

  /** Starts what is due, and comes back when the next is. */
  #look(): void {
    if (this.#state !== "running") return;
    const { loop, clock } = this.#options;
    const now = clock.now();
    let nextAt = Infinity;
    for (const id of this.#entries.keys()) if (!loop.state.deliveries.has(id)) this.#entries.delete(id);
    for (const delivery of loop.state.deliveries.values()) {
      const entry = this.#entryOf(delivery, now);
      if (entry.isOut) continue;
      if (entry.next_at <= now && this.#out < AT_A_TIME) this.#send(delivery, entry);
      else if (entry.next_at > now) nextAt = Math.min(nextAt, entry.next_at);
    }
    this.#timer?.cancel();
    this.#timer = nextAt === Infinity ? null : clock.after(nextAt - now, () => this.#look());
  }

  #entryOf({ delivery_id, since }: Delivery, now: number): Entry {
    const known = this.#entries.get(delivery_id);
    if (known !== undefined && known.since === since) return known;
    const entry = { since, isOut: false, attempts: 0, next_at: now, last: null };
    this.#entries.set(delivery_id, entry);
    return entry;
  }

  #send(delivery: Delivery, entry: Entry): void {
    entry.isOut = true;
    this.#out += 1;
    void this.#try(delivery, entry).finally(() => {
      entry.isOut = false;
      this.#out -= 1;
      this.#look();
    });
  }

  async #try(delivery: Delivery, entry: Entry): Promise<void> {
    const { loop, clock, way, yardUrl, logger } = this.#options;
    try {
      // The end of the run may still be on its way to the disk.
      await loop.committed();
      const body = messageOf(delivery, yardUrl());
      const end = await attempt(way, { delivery, body, now: clock.now() });
      entry.attempts += 1;
      if (this.#state === "running") this.#settle(delivery, entry, end);
    } catch (error) {
      // The loop has ended: whoever leads next finds the delivery where it was.
      if (this.#state === "running") logger.error("a webhook met a defect", { reason: String(error) });
      this.stop();
    }
  }

  #settle({ delivery_id, url, since }: Delivery, entry: Entry, end: AttemptEnd): void {
    const { loop, clock, logger } = this.#options;
    const { attempts } = entry;
    if (end.kind === "delivered") {
      const { kind, http_status } = end;
      loop.execute({ type: "settle_delivery", delivery_id, outcome: { kind, http_status, attempts } });
      return;
    }
    const { code, reason } = end;
    entry.last = { code, reason };
    const age = Math.max(0, clock.now() - since);
    const next = TRIES_MS.find((distance) => distance > age);
    const host = new URL(url).host;
    if (next !== undefined) {
      entry.next_at = since + next;
      logger.warn(`webhook to ${host} failed: ${reason}`, { delivery_id, code, attempts });
      return;
    }
    logger.error(`webhook to ${host} is given up: ${reason}`, { delivery_id, code, attempts });
    const outcome = { kind: "given_up", code, reason, attempts } as const;
    loop.execute({ type: "settle_delivery", delivery_id, outcome });
  }
}
