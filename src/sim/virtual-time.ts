/**
 * Time that moves only when everything that could happen now has happened.
 *
 * One queue of events ordered by time and, within a moment, by when they were asked for. Between two events
 * all promises settle, so the code under test may use them freely and one seed still gives one history.
 */
import { assert } from "../core/index.ts";

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
  cancelled: boolean;
}

export class VirtualTime {
  #now = 0;
  #order = 0;
  #steps = 0;
  readonly #heap: Scheduled[] = [];

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now;
  }

  get steps(): number {
    return this.#steps;
  }

  after(delayMs: number, call: () => void): { cancel(): void } {
    const item: Scheduled = {
      at: this.#now + Math.max(0, delayMs),
      order: this.#order++,
      call,
      cancelled: false,
    };
    this.#push(item);
    return {
      cancel: () => {
        item.cancelled = true;
      },
    };
  }

  /** Runs until `done` answers true; false when nothing is left to happen or time is up. */
  async runUntil(done: () => boolean, limitMs: number): Promise<boolean> {
    for (;;) {
      await settled();
      if (done()) return true;
      if ((this.#heap[0]?.at ?? Infinity) > limitMs) return false;
      const next = this.#pop();
      if (next === undefined) return false;
      assert(next.at >= this.#now, "virtual time never goes back");
      this.#now = next.at;
      this.#steps += 1;
      next.call();
    }
  }

  #push(item: Scheduled): void {
    const heap = this.#heap;
    heap.push(item);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!before(item, heap[parent] as Scheduled)) break;
      heap[at] = heap[parent] as Scheduled;
      heap[parent] = item;
      at = parent;
    }
  }

  #pop(): Scheduled | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined) return undefined;
      const last = this.#heap.pop() as Scheduled;
      if (last !== top) this.#sink(last);
      if (!top.cancelled) return top;
    }
  }

  #sink(item: Scheduled): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Scheduled, heap[child] as Scheduled))
        child += 1;
      if (!before(heap[child] as Scheduled, item)) break;
      heap[at] = heap[child] as Scheduled;
      at = child;
    }
    heap[at] = item;
  }
}

function before(a: Scheduled, b: Scheduled): boolean {
  return a.at !== b.at ? a.at < b.at : a.order < b.order;
}

/** All promise reactions run before the next macrotask does. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
