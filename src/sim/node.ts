/**
 * A process on a machine of its own. Everything that happens in it goes through `run`: while it is paused,
 * happenings wait in order; once it has crashed, what was meant for that life never happens.
 */
import type { Prng } from "../core/index.ts";
import type { Clock, Random } from "../ports/index.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** Simulated wall time starts here: 2026-01-01. */
const WALL_START = 1_767_225_600_000;

export class SimNode {
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #prng: Prng;
  readonly #skewMs: number;
  #life = 0;
  #isUp = false;
  #pausedUntil: number | null = null;
  #waiting: (() => void)[] = [];
  #onCrash: (() => void)[] = [];

  constructor(name: string, time: VirtualTime, prng: Prng) {
    this.name = name;
    this.#time = time;
    this.#prng = prng;
    this.#skewMs = prng.below(2_000) - 1_000;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get isPaused(): boolean {
    return this.#pausedUntil !== null;
  }

  boot(): void {
    this.#life += 1;
    this.#isUp = true;
  }

  crash(): void {
    this.#isUp = false;
    this.#life += 1;
    this.#pausedUntil = null;
    this.#waiting = [];
    const calls = this.#onCrash;
    this.#onCrash = [];
    for (const call of calls) call();
  }

  /** Called when this life ends by a crash. */
  onCrash(call: () => void): void {
    this.#onCrash.push(call);
  }

  pause(durationMs: number): void {
    if (!this.#isUp || this.#pausedUntil !== null) return;
    this.#pausedUntil = this.#time.now + durationMs;
    const life = this.#life;
    this.#time.after(durationMs, () => {
      if (life === this.#life) this.resume();
    });
  }

  resume(): void {
    if (this.#pausedUntil === null) return;
    this.#pausedUntil = null;
    const calls = this.#waiting;
    this.#waiting = [];
    for (const call of calls) this.#time.after(0, this.guard(call));
  }

  /** The call bound to this life of the process. */
  guard(call: () => void): () => void {
    const life = this.#life;
    return () => {
      if (life !== this.#life || !this.#isUp) return;
      if (this.#pausedUntil === null) call();
      else this.#waiting.push(this.guard(call));
    };
  }

  get clock(): Clock {
    return {
      now: () => WALL_START + this.#skewMs + Math.floor(this.#time.now),
      monotonic: () => this.#time.now,
      after: (delayMs, call) => this.#time.after(delayMs, this.guard(call)),
      soon: (call) => {
        this.#time.after(0, this.guard(call));
      },
    };
  }

  get random(): Random {
    return { bytes: (count) => this.#prng.bytes(count), unit: () => this.#prng.unit() };
  }
}
