/**
 * How good: the workers of one class, best first.
 *
 * The order is: preferences that hold, a warm workspace, the larger share of free slots, the lower load,
 * the earlier worker. Only the share changes during a pass and it only falls, so a heap that looks at its
 * top again before it answers gives the best worker in O(log workers) without a scan per task.
 */
import type { TaskClass } from "../core/index.ts";
import { Heap } from "./heap.ts";
import { hasRoom, type Fits, type Room } from "./feasibility.ts";

interface Candidate {
  readonly room: Room;
  readonly preference: number;
  /** Free slots when it was put in its place. */
  seenFree: number;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.preference !== b.preference) return a.preference > b.preference;
  const [shareA, shareB] = [a.seenFree * b.room.worker.slots, b.seenFree * a.room.worker.slots];
  if (shareA !== shareB) return shareA > shareB;
  if (a.room.cpuLoad !== b.room.cpuLoad) return a.room.cpuLoad < b.room.cpuLoad;
  return a.room.order < b.room.order;
}

export class Candidates {
  readonly #class: TaskClass;
  readonly #all: Candidate[];
  readonly #ranked: Heap<Candidate>;
  /** Made for a workspace when the first task of it comes. */
  readonly #warm = new Map<string, Heap<Candidate>>();

  constructor(taskClass: TaskClass, rooms: readonly Room[], fits: Fits) {
    this.#class = taskClass;
    this.#all = candidatesOf(taskClass, rooms, fits);
    this.#ranked = new Heap([...this.#all], isBetter);
  }

  /** Null when no worker has room for the class: for the rest of the pass. */
  best(workspace: string | null): Room | null {
    const best = this.#top(this.#ranked);
    if (best === null || workspace === null) return best?.room ?? null;
    const warm = this.#top(this.#warmHeap(workspace));
    return (warm?.preference === best.preference ? warm : best).room;
  }

  #warmHeap(workspace: string): Heap<Candidate> {
    let heap = this.#warm.get(workspace);
    if (heap === undefined) {
      const warm = this.#all
        .filter(({ room }) => room.warm?.has(workspace) === true)
        .map((one) => ({ ...one }));
      heap = new Heap(warm, isBetter);
      this.#warm.set(workspace, heap);
    }
    return heap;
  }

  #top(heap: Heap<Candidate>): Candidate | null {
    for (let top = heap.top; top !== undefined; top = heap.top) {
      if (!hasRoom(top.room, this.#class)) {
        heap.removeTop();
      } else if (top.seenFree !== top.room.freeSlots) {
        top.seenFree = top.room.freeSlots;
        heap.sinkTop();
      } else {
        return top;
      }
    }
    return null;
  }
}

function candidatesOf(taskClass: TaskClass, rooms: readonly Room[], fits: Fits): Candidate[] {
  const found: Candidate[] = [];
  for (const room of rooms) {
    if (!hasRoom(room, taskClass)) continue;
    const preference = fits(taskClass, room.worker);
    if (preference !== null) found.push({ room, preference, seenFree: room.freeSlots });
  }
  return found;
}
