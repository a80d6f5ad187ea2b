/**
 * Live updates for dashboards: a whole picture first, then what has changed since, ten times a second at
 * most.
 *
 * A change names what a task or a worker is now, not how it became so, so changes may be gathered, repeated
 * or left out in between. Whoever reads too slowly is closed and told to take the whole picture again.
 */
import type { Event, State } from "../../core/index.ts";
import { CLOSE, type TaskView, type WorkerView } from "../../protocol/index.ts";
import type { Connection, Timer } from "../../ports/index.ts";
import type { HttpContext } from "./context.ts";
import { overview, statusView } from "./status.ts";
import { createReasons, taskView } from "./task-view.ts";
import { workerViews } from "./worker-view.ts";

export type DashboardMessage =
  | ({ kind: "hello"; position: number } & ReturnType<typeof overview>)
  | {
      kind: "delta";
      position: number;
      status: ReturnType<typeof statusView>;
      tasks: TaskView[];
      workers: WorkerView[];
      /** More tasks have changed than are named here. */
      truncated: boolean;
    };

const GATHER_MS = 100;
const WORKERS_MS = 2_000;
const TASKS_PER_DELTA = 200;
const BUFFER_BYTES = 4 * 1024 * 1024;
const VIEWERS_LIMIT = 200;

export class DashboardFeed {
  readonly #context: HttpContext;
  readonly #viewers = new Set<Connection>();
  readonly #changed = new Set<string>();
  #truncated = false;
  #timer: Timer | null = null;
  #workersSentAt = 0;

  constructor(context: HttpContext) {
    this.#context = context;
  }

  accept(connection: Connection): void {
    if (this.#viewers.size >= VIEWERS_LIMIT) {
      return connection.close(CLOSE.slowConsumer, `more than ${VIEWERS_LIMIT} dashboards`);
    }
    connection.onMessage(() => {});
    connection.onClose(() => this.#left(connection));
    const { loop } = this.#context.coordinator;
    const { state } = loop;
    const hello: DashboardMessage = {
      kind: "hello",
      position: state.position - 1,
      ...overview(this.#context, state),
    };
    const text = JSON.stringify(hello);
    // From here on: whatever is committed after this picture is a change to it.
    this.#viewers.add(connection);
    loop.afterCommit(() => this.#send(connection, text));
    this.#plan();
  }

  committed(events: readonly Event[]): void {
    if (this.#viewers.size === 0) return;
    for (const event of events) this.#note(event);
    this.#plan();
  }

  close(): void {
    this.#timer?.cancel();
    for (const viewer of this.#viewers) viewer.close(CLOSE.goingAway, "the coordinator stops");
    this.#viewers.clear();
  }

  #left(connection: Connection): void {
    this.#viewers.delete(connection);
    if (this.#viewers.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#changed.clear();
  }

  #note(event: Event): void {
    if ("task_id" in event) this.#noteTask(event.task_id);
    else if (event.type === "TasksAdded") for (const { task_id } of event.tasks) this.#noteTask(task_id);
    else if (event.type === "RetriesDue") for (const task_id of event.task_ids) this.#noteTask(task_id);
    else if (event.type.startsWith("Worker")) this.#workersSentAt = 0;
  }

  #noteTask(id: string): void {
    if (this.#changed.size < TASKS_PER_DELTA) this.#changed.add(id);
    else this.#truncated = true;
  }

  #plan(): void {
    this.#timer ??= this.#context.clock.after(GATHER_MS, () => {
      this.#timer = null;
      this.#tell();
    });
  }

  #tell(): void {
    if (this.#viewers.size === 0) return;
    const { loop } = this.#context.coordinator;
    const text = JSON.stringify(this.#delta(loop.state));
    const viewers = [...this.#viewers];
    loop.afterCommit(() => {
      for (const viewer of viewers) if (this.#viewers.has(viewer)) this.#send(viewer, text);
    });
  }

  #delta(state: State): DashboardMessage {
    const reasonOf = createReasons(this.#context.coordinator);
    const tasks = [...this.#changed].flatMap((id) => state.tasks.get(id) ?? []);
    const truncated = this.#truncated;
    this.#changed.clear();
    this.#truncated = false;
    return {
      kind: "delta",
      position: state.position - 1,
      status: statusView(this.#context, state),
      tasks: tasks.map((task) => taskView(task, reasonOf(task))),
      workers: this.#workers(state),
      truncated,
    };
  }

  /** Slots and load change with every task; that is told less often than the tasks themselves. */
  #workers(state: State): WorkerView[] {
    const now = this.#context.clock.monotonic();
    if (this.#workersSentAt !== 0 && now - this.#workersSentAt < WORKERS_MS) return [];
    this.#workersSentAt = now;
    return workerViews(this.#context, state);
  }

  #send(viewer: Connection, text: string): void {
    if (viewer.bufferedBytes() <= BUFFER_BYTES) return viewer.send(text);
    this.#left(viewer);
    viewer.close(CLOSE.slowConsumer, "resync: the page reads too slowly");
  }
}
