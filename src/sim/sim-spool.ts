/** A spool on a simulated disk: writes reach the disk after a while, and a lost cache takes the rest away. */
import type { Clock, Spool } from "../ports/index.ts";

export class SimDisk {
  readonly #kept = new Map<string, string>();
  /** Written, but only in the cache of the machine. */
  readonly #cached = new Map<string, string>();

  spool(clock: Clock, delayMs: () => number): Spool {
    const later = (call: () => void): Promise<void> =>
      new Promise((resolve) => {
        clock.after(delayMs(), () => {
          call();
          resolve();
        });
      });
    return {
      put: (key, text) => later(() => this.#cached.set(key, text)),
      remove: (key) =>
        later(() => {
          this.#cached.delete(key);
          this.#kept.delete(key);
        }),
      all: () => Promise.resolve([...this.#kept, ...this.#cached].map(([key, text]) => ({ key, text }))),
    };
  }

  /** What the cache holds reaches the disk. */
  sync(): void {
    for (const [key, text] of this.#cached) this.#kept.set(key, text);
    this.#cached.clear();
  }

  loseCache(): number {
    const lost = this.#cached.size;
    this.#cached.clear();
    return lost;
  }
}
