/**
 * Schedules: wakes at the next time that any of them names, and asks the core to fire it.
 *
 * All that is kept is in the state: up to when each schedule's times are settled. So a coordinator that
 * starts looks for the newest time since then, and there is no other case: fired a moment late, or missed
 * while nobody ran. A time that is not older than an hour is made up for, once, however many were missed;
 * an older one is noted and left.
 */
import type { Decision, Schedule, Submit } from "../../core/index.ts";
import type { Clock, Logger, Timer } from "../../ports/index.ts";
import type { Committed, Loop } from "../loop.ts";
import { readTimes, type Times } from "./times.ts";

const CATCH_UP_MS = 3_600_000;
/** Wall clocks are set; nobody tells us. */
const LONGEST_SLEEP_MS = 60_000;

export interface SchedulesOptions {
  loop: Loop;
  clock: Clock;
  logger: Logger;
  /** The tasks of a schedule as a submission of their own. @throws when they are refused */
  submission: (schedule: Schedule) => Promise<Submit>;
}

interface Next {
  settledAt: number;
  setAt: number;
  at: number;
}

export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #times = new Map<string, Times | string>();
  readonly #next = new Map<string, Next>();
  readonly #firing = new Set<string>();
  #timer: Timer | null = null;
  #state: "new" | "running" | "stopped" = "new";

  constructor(options: SchedulesOptions) {
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
    if (events.some(({ type }) => type.startsWith("Schedule"))) this.#look();
  }

  /** Null when no time comes any more. */
  nextOf(schedule: Schedule): number | null {
    const at = this.#nextAt(schedule);
    return at === Infinity ? null : at;
  }

  /** A run now, whatever the schedule says. @throws when its tasks are refused */
  async run(schedule: Schedule): Promise<Decision> {
    return this.#fire(schedule, { due_at: this.#options.clock.now(), by: "hand" });
  }

  #look(): void {
    if (this.#state !== "running") return;
    const { loop, clock } = this.#options;
    const now = clock.now();
    let sleepMs = LONGEST_SLEEP_MS;
    for (const name of this.#next.keys()) if (!loop.state.schedules.has(name)) this.#next.delete(name);
    for (const schedule of loop.state.schedules.values()) {
      if (this.#firing.has(schedule.name)) continue;
      const at = this.#nextAt(schedule);
      if (at <= now) this.#due(schedule, now);
      else sleepMs = Math.min(sleepMs, at - now);
    }
    this.#timer?.cancel();
    this.#timer = clock.after(sleepMs, () => this.#look());
  }

  #nextAt(schedule: Schedule): number {
    const { name, settled_at: settledAt, set_at: setAt } = schedule;
    const known = this.#next.get(name);
    if (known !== undefined && known.settledAt === settledAt && known.setAt === setAt) return known.at;
    const times = this.#timesOf(schedule);
    const at = typeof times === "string" ? Infinity : (times.next(settledAt) ?? Infinity);
    this.#next.set(name, { settledAt, setAt, at });
    return at;
  }

  #timesOf({ cron, timezone }: Schedule): Times | string {
    const key = `${cron} ${timezone}`;
    let times = this.#times.get(key);
    if (times === undefined) this.#times.set(key, (times = readTimes(cron, timezone)));
    return times;
  }

  #due(schedule: Schedule, now: number): void {
    const times = this.#timesOf(schedule);
    const due_at = typeof times === "string" ? null : times.newest(now);
    if (due_at === null || due_at <= schedule.settled_at) return;
    if (now - due_at > CATCH_UP_MS) {
      return this.#skip(schedule, { due_at, cause: "missed", reason: "no coordinator ran at the time" });
    }
    this.#firing.add(schedule.name);
    void this.#fireOnTime(schedule, due_at).finally(() => {
      this.#firing.delete(schedule.name);
      this.#look();
    });
  }

  async #fireOnTime(schedule: Schedule, due_at: number): Promise<void> {
    try {
      const decision = await this.#fire(schedule, { due_at, by: "time" });
      if (decision.kind === "accepted" || decision.rejection.code === "schedule_not_due") return;
      const { message: reason } = decision.rejection;
      this.#skip(schedule, { due_at, cause: "refused", reason });
    } catch (error) {
      // The loop has ended: whoever leads next finds the time still due.
      if (this.#state !== "running") return;
      const reason = (error instanceof Error ? error.message : String(error)).slice(0, 1_000);
      this.#skip(schedule, { due_at, cause: "refused", reason });
    }
  }

  async #fire(
    schedule: Schedule,
    { due_at, by }: { due_at: number; by: "time" | "hand" },
  ): Promise<Decision> {
    const { loop } = this.#options;
    const { name } = schedule;
    const submission = await this.#options.submission(schedule);
    if (loop.state.schedules.get(name)?.set_at !== schedule.set_at) {
      const message = `schedule ${name} was changed or removed meanwhile`;
      return { kind: "rejected", rejection: { code: "schedule_not_due", message } };
    }
    return loop.execute({ type: "fire_schedule", name, due_at, by, submission });
  }

  #skip({ name }: Schedule, why: { due_at: number; cause: "missed" | "refused"; reason: string }): void {
    this.#options.logger.warn(`schedule ${name} starts nothing: ${why.reason}`, { cause: why.cause });
    this.#options.loop.execute({ type: "skip_schedule", name, ...why });
  }
}
