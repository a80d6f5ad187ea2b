/**
 * The queued tasks of one class, most urgent first: lower priority number, then unknown duration, then longer
 * duration, then earlier submission. A test without history may be the longest of all, so it starts first.
 *
 * A binary heap in which every task knows its place, so that any task can leave in O(log n), and a walk in
 * order that changes nothing: a planner looks at the first k tasks in O(k log k) however long the queue is.
 */
import { assert } from "./assert.ts";

export interface Queued {
  readonly seq: number;
  readonly spec: { readonly priority: number; readonly estimate_ms: number | null };
  heapIndex: number;
}

export function precedes(a: Queued, b: Queued): boolean {
  if (a.spec.priority !== b.spec.priority) return a.spec.priority < b.spec.priority;
  const [durationA, durationB] = [a.spec.estimate_ms ?? Infinity, b.spec.estimate_ms ?? Infinity];
  if (durationA !== durationB) return durationA > durationB;
  return a.seq < b.seq;
}

export class ReadyQueue<T extends Queued> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(item: T): void {
    assert(item.heapIndex === -1, "a task is queued once");
    item.heapIndex = this.#heap.length;
    this.#heap.push(item);
    this.#rise(item);
  }

  remove(item: T): void {
    const hole = item.heapIndex;
    assert(this.#heap[hole] === item, "a task leaves the queue it is in");
    const last = this.#heap.pop() as T;
    item.heapIndex = -1;
    if (last === item) return;
    this.#place(last, hole);
    this.#rise(last);
    this.#sink(last);
  }

  /** In order, without taking anything out. The queue must not change during the walk. */
  *inOrder(): Generator<T> {
    const front: number[] = this.#heap.length > 0 ? [0] : [];
    while (front.length > 0) {
      const index = this.#popFront(front);
      yield this.#heap[index] as T;
      for (const child of [2 * index + 1, 2 * index + 2]) {
        if (child < this.#heap.length) this.#pushFront(front, child);
      }
    }
  }

  #before(a: number, b: number): boolean {
    return precedes(this.#heap[a] as T, this.#heap[b] as T);
  }

  #pushFront(front: number[], index: number): void {
    let at = front.length;
    front.push(index);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(index, front[parent] as number)) break;
      front[at] = front[parent] as number;
      at = parent;
    }
    front[at] = index;
  }

  #popFront(front: number[]): number {
    const top = front[0] as number;
    const last = front.pop() as number;
    if (front.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= front.length) break;
      const right = child + 1;
      if (right < front.length && this.#before(front[right] as number, front[child] as number)) child = right;
      if (!this.#before(front[child] as number, last)) break;
      front[at] = front[child] as number;
      at = child;
    }
    front[at] = last;
    return top;
  }

  #place(item: T, index: number): void {
    this.#heap[index] = item;
    item.heapIndex = index;
  }

  #rise(item: T): void {
    let at = item.heapIndex;
    while (at > 0) {
      const parent = this.#heap[(at - 1) >> 1] as T;
      if (!precedes(item, parent)) break;
      this.#place(parent, at);
      at = (at - 1) >> 1;
    }
    this.#place(item, at);
  }

  #sink(item: T): void {
    let at = item.heapIndex;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#heap.length) break;
      const right = child + 1;
      if (right < this.#heap.length && this.#before(right, child)) child = right;
      const candidate = this.#heap[child] as T;
      if (!precedes(candidate, item)) break;
      this.#place(candidate, at);
      at = child;
    }
    this.#place(item, at);
  }
}
