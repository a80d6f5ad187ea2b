/**
 * The newest tasks, page by page: those in memory and those that only the results still know, as one list.
 *
 * Ids sort by time, so a page is the largest ids below the cursor, and whatever comes in meanwhile stands
 * above it. Where both sides know a task, memory is right and the row of the results is passed over.
 */
import type { EndState, State, Task } from "../../core/index.ts";
import type { Page, TaskView } from "../../protocol/index.ts";
import type { ResultTask } from "../../results/index.ts";
import { readCommitted, type Committed } from "./answers.ts";
import type { HttpContext } from "./context.ts";
import { makeCursor } from "./query.ts";
import { createReasons, resultTaskView, taskView } from "./task-view.ts";

export interface TaskFilter {
  state?: TaskView["state"];
  run_id?: string;
  project?: string;
}

export interface Slice {
  limit: number;
  /** Only ids below this one. */
  before?: string | null;
}

const LISTING = "tasks";

export function newestTasks(state: State, slice: Slice, filter: TaskFilter = {}): Task[] {
  const top = new Newest(slice.limit);
  for (const task of state.tasks.values()) {
    const { task_id } = task.spec;
    if (slice.before != null && task_id >= slice.before) continue;
    if (top.wants(task_id) && matches(task, filter)) top.add(task);
  }
  return top.sorted();
}

function matches({ spec, status }: Task, { state, run_id, project }: TaskFilter): boolean {
  if (state !== undefined && status.state !== state) return false;
  if (run_id !== undefined && spec.run_id !== run_id) return false;
  return project === undefined || spec.project === project;
}

/** The largest ids of many, in one pass: sorted again only each time that twice as many are held. */
class Newest {
  readonly #limit: number;
  #held: Task[] = [];
  #floor = "";

  constructor(limit: number) {
    this.#limit = limit;
  }

  wants(id: string): boolean {
    return id > this.#floor;
  }

  add(task: Task): void {
    this.#held.push(task);
    if (this.#held.length < 2 * this.#limit + 64) return;
    this.#held = this.sorted();
    this.#floor = this.#held.at(-1)?.spec.task_id ?? "";
  }

  sorted(): Task[] {
    return this.#held.sort((a, b) => (a.spec.task_id < b.spec.task_id ? 1 : -1)).slice(0, this.#limit);
  }
}

export async function taskPage(
  context: HttpContext,
  filter: TaskFilter,
  slice: Slice,
): Promise<Committed<Page<TaskView>>> {
  const wanted = { ...slice, limit: slice.limit + 1 };
  const { value: live, position } = await readCommitted(context, (state) => {
    const reasonOf = createReasons(context.coordinator);
    return newestTasks(state, wanted, filter).map((task) => taskView(task, reasonOf(task)));
  });
  const old = await forgottenTasks(context, { filter, slice: wanted, shown: new Set(live.map(idOf)) });
  const all = [...live, ...old].sort((a, b) => (a.task_id < b.task_id ? 1 : -1));
  const items = all.slice(0, slice.limit);
  const last = items.at(-1);
  const hasMore = all.length > items.length && last !== undefined;
  return { value: { items, next_cursor: hasMore ? makeCursor(LISTING, last.task_id) : null }, position };
}

const idOf = ({ task_id }: TaskView): string => task_id;

interface OldTasks {
  filter: TaskFilter;
  slice: Slice;
  shown: ReadonlySet<string>;
}

const END_STATES: readonly EndState[] = ["completed", "failed", "timed_out", "cancelled", "skipped"];

/** What memory has forgotten has ended: asked by end state, the many open rows need not be looked through. */
async function forgottenTasks(context: HttpContext, { filter, slice, shown }: OldTasks): Promise<TaskView[]> {
  const { state: memory } = context.coordinator.loop;
  // Every task ever accepted is still there.
  if (memory.nextSeq === memory.tasks.size) return [];
  const { state, ...rest } = filter;
  const states = END_STATES.filter((each) => state === undefined || state === each);
  const lists = await Promise.all(
    states.map((each) => forgottenIn(context, { ...rest, state: each }, { slice, shown })),
  );
  return lists.flat();
}

async function forgottenIn(
  context: HttpContext,
  filter: { state: EndState; run_id?: string; project?: string },
  { slice: { limit, before }, shown }: Pick<OldTasks, "slice" | "shown">,
): Promise<TaskView[]> {
  const found: TaskView[] = [];
  let from = before ?? null;
  for (;;) {
    const asked = { ...filter, limit, ...(from !== null && { before_id: from }) };
    const rows = await context.results.query("tasks", asked);
    found.push(...rows.filter((row) => isForgotten(context, row, shown)).map(resultTaskView));
    from = rows.at(-1)?.task_id ?? null;
    if (rows.length < limit || found.length >= limit) return found.slice(0, limit);
  }
}

function isForgotten({ coordinator }: HttpContext, row: ResultTask, shown: ReadonlySet<string>): boolean {
  return !shown.has(row.task_id) && !coordinator.loop.state.tasks.has(row.task_id);
}
