/**
 * Who gets what, in one pass over the heads of the class queues.
 *
 * The most urgent head of all is placed on the best worker that has room for its class. A class that finds
 * none is out for this pass, because rooms only shrink: so it cannot block the others, and the rest of its
 * queue need not be looked at. The cost follows the placements made and the workers with a free slot, not
 * the number of tasks queued. No reservation is made for wide tasks: an exclusive one may wait for long
 * beside small ones.
 */
import { precedes, scopedKey, type State, type Task } from "../core/index.ts";
import { occupy, openRooms, type Fits, type Room } from "./feasibility.ts";
import { Heap } from "./heap.ts";
import { Candidates } from "./rank.ts";
import type { Placement, SchedulerView } from "./view.ts";

/** One class in the merge: its most urgent task not placed yet. */
interface Cursor {
  task: Task;
  readonly rest: Iterator<Task>;
  candidates: Candidates | null;
}

export interface PlanOptions {
  limit: number;
  fits: Fits;
  workspaceOf: (task: Task) => string | null;
}

export function plan({ state, observations }: SchedulerView, options: PlanOptions): Placement[] {
  if (state.queuedCount === 0 || options.limit <= 0) return [];
  const rooms = openRooms(state, observations);
  if (rooms.length === 0) return [];
  const pass: Pass = { state, rooms, options, takenKeys: new Set() };
  let free = rooms.reduce((sum, room) => sum + room.freeSlots, 0);
  const merge = new Heap(cursorsOf(state), (a, b) => precedes(a.task, b.task));
  const placements: Placement[] = [];
  for (let first = merge.top; first !== undefined; first = merge.top) {
    if (free === 0 || placements.length === options.limit) break;
    const room = roomFor(pass, first);
    if (room === null) {
      merge.removeTop();
      continue;
    }
    take(pass, first.task, room);
    placements.push({ task_id: first.task.spec.task_id, worker_id: room.worker.worker_id });
    // A closed worker has free slots that nobody gets.
    free -= room.isClosed ? 1 + room.freeSlots : 1;
    advance(merge, first);
  }
  return placements;
}

interface Pass {
  readonly state: State;
  readonly rooms: readonly Room[];
  readonly options: PlanOptions;
  /** Concurrency keys given away in this pass. */
  readonly takenKeys: Set<string>;
}

function cursorsOf(state: State): Cursor[] {
  const cursors: Cursor[] = [];
  for (const { queue } of state.classes.values()) {
    if (queue.size === 0) continue;
    const rest = queue.inOrder();
    const first = rest.next();
    if (first.done !== true) cursors.push({ task: first.value, rest, candidates: null });
  }
  return cursors;
}

function roomFor(pass: Pass, cursor: Cursor): Room | null {
  const { task } = cursor;
  const key = scopedKey(task);
  // All tasks of a class have the same key, so a taken one puts the whole class out.
  if (key !== null && (pass.state.concurrencyKeys.has(key) || pass.takenKeys.has(key))) return null;
  cursor.candidates ??= new Candidates(task.class, pass.rooms, pass.options.fits);
  return cursor.candidates.best(pass.options.workspaceOf(task));
}

function take(pass: Pass, task: Task, room: Room): void {
  occupy(room, task);
  const key = scopedKey(task);
  if (key !== null) pass.takenKeys.add(key);
}

function advance(merge: Heap<Cursor>, cursor: Cursor): void {
  const next = cursor.rest.next();
  if (next.done === true) {
    merge.removeTop();
  } else {
    cursor.task = next.value;
    merge.sinkTop();
  }
}
