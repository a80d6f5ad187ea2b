/** Waits between tries: full jitter, so that a thousand workers do not come back in the same moment. */
import type { Random } from "../ports/index.ts";

export class Backoff {
  readonly #random: Random;
  readonly #limits: { firstMs: number; limitMs: number };
  #tries = 0;

  constructor(random: Random, limits: { firstMs: number; limitMs: number }) {
    this.#random = random;
    this.#limits = limits;
  }

  /** Milliseconds, uniform in [0, min(limit, first · 2^tries)). */
  next(): number {
    const ceiling = Math.min(this.#limits.limitMs, this.#limits.firstMs * 2 ** this.#tries);
    this.#tries += 1;
    return this.#random.unit() * ceiling;
  }

  reset(): void {
    this.#tries = 0;
  }
}
