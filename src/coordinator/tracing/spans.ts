/** From committed events to spans: run, task, attempt, each made when it is over, from what the log says. */
import { isEndState, ulidTime, type Event, type Lease, type State } from "../../core/index.ts";
import {
  attemptSpanId,
  runSpanId,
  taskSpanId,
  traceOf,
  type TaskPayload,
  type TraceContext,
} from "../../protocol/index.ts";

export interface Span {
  name: string;
  traceId: string;
  spanId: string;
  parentId: string | null;
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number;
  /** null: neither went well nor wrong, as with what was cancelled. */
  isOk: boolean | null;
  message: string;
  attributes: Record<string, string | number>;
}

/** Runs and tasks whose context is remembered; one that is forgotten is named after its run again. */
const REMEMBERED = 100_000;

export class SpanMaker {
  readonly #contexts = new Map<string, string>();

  /** Those that are over with this record; only sampled ones. */
  spansOf({ events, at }: { events: readonly Event[]; at: number }, state: State): Span[] {
    return events.flatMap((event) => this.#spans(event, at, state));
  }

  /** What a coordinator that has just started finds in memory. */
  remember(state: State): void {
    for (const { spec } of state.tasks.values()) this.#remember(spec);
  }

  #remember({ task_id, run_id, payload }: { task_id: string; run_id: string; payload: unknown }): void {
    // Nearly no payload has one: looked for as text before it is parsed.
    if (typeof payload !== "string" || !payload.startsWith('{"traceparent":')) return;
    const { traceparent } = JSON.parse(payload) as TaskPayload;
    if (traceparent === undefined) return;
    if (this.#contexts.size >= REMEMBERED) this.#contexts.clear();
    this.#contexts.set(task_id, traceparent);
    if (!this.#contexts.has(run_id)) this.#contexts.set(run_id, traceparent);
  }

  #context(runId: string, id = runId): TraceContext {
    return traceOf(runId, this.#contexts.get(id) ?? this.#contexts.get(runId));
  }

  #spans(event: Event, at: number, state: State): Span[] {
    switch (event.type) {
      case "TasksAdded":
        for (const spec of event.tasks) this.#remember(spec);
        return [];
      case "AttemptFinished": {
        const { outcome, exit_code, error } = event.result;
        const attributes = { outcome, ...(exit_code !== null && { exit_code }) };
        const attempt = this.#attempt({ ...event, at, attributes, message: error?.message ?? "" });
        return [...attempt, ...this.#ended(event, at, state)];
      }
      case "AttemptLost": {
        const attempt = this.#attempt({
          ...event,
          at,
          attributes: { outcome: "lost" },
          message: event.reason,
        });
        return [...attempt, ...this.#ended(event, at, state)];
      }
      case "TaskCancelled":
        return this.#task(event, { at, state, end: "cancelled", message: event.reason });
      case "TaskSkipped":
        return this.#task(event, { at, state, end: "skipped", message: `after ${event.because.task_id}` });
      case "RunEnded":
        return this.#run(event, at, state);
      default:
        return [];
    }
  }

  #attempt(of: {
    task_id: string;
    run_id: string;
    lease: Lease;
    at: number;
    attributes: { outcome: string; exit_code?: number };
    message: string;
  }): Span[] {
    const { task_id, run_id, lease, at, attributes, message } = of;
    const { traceId, isSampled } = this.#context(run_id, task_id);
    if (!isSampled) return [];
    const waited = Math.max(0, lease.assigned_at - ulidTime(task_id));
    return [
      {
        name: `attempt ${lease.attempt}`,
        traceId,
        spanId: attemptSpanId(task_id, lease.attempt),
        parentId: taskSpanId(task_id),
        startedAt: lease.assigned_at,
        endedAt: at,
        isOk: okOf(attributes.outcome),
        message,
        attributes: {
          "testyard.task_id": task_id,
          "testyard.attempt": lease.attempt,
          "testyard.worker_id": lease.worker_id,
          "testyard.outcome": attributes.outcome,
          "testyard.since_submission_ms": waited,
          ...(attributes.exit_code !== undefined && { "process.exit.code": attributes.exit_code }),
        },
      },
    ];
  }

  #ended(
    event: Extract<Event, { type: "AttemptFinished" | "AttemptLost" }>,
    at: number,
    state: State,
  ): Span[] {
    const { next } = event;
    if (!isEndState(next.state)) return [];
    const message = "reason" in next ? (next.reason ?? "") : "";
    return this.#task(event, { at, state, end: next.state, message });
  }

  #task(
    { task_id, run_id }: { task_id: string; run_id: string },
    { at, state, end, message }: { at: number; state: State; end: string; message: string },
  ): Span[] {
    const { traceId, isSampled } = this.#context(run_id, task_id);
    this.#contexts.delete(task_id);
    if (!isSampled) return [];
    const task = state.tasks.get(task_id);
    return [
      {
        name: task?.spec.name ?? task_id,
        traceId,
        spanId: taskSpanId(task_id),
        parentId: runSpanId(run_id),
        startedAt: ulidTime(task_id),
        endedAt: at,
        isOk: okOf(end),
        message,
        attributes: {
          "testyard.task_id": task_id,
          "testyard.run_id": run_id,
          "testyard.state": end,
          ...(task !== undefined && { "testyard.type": task.spec.type, "testyard.attempts": task.attempts }),
        },
      },
    ];
  }

  #run(event: Extract<Event, { type: "RunEnded" }>, at: number, state: State): Span[] {
    const { run_id, total, verdict, ended } = event;
    const { traceId, parentId, isSampled } = this.#context(run_id);
    // A run that is gone on with has ended before; its span is told once.
    if (!isSampled || ended > 1) return [];
    const run = state.runs.get(run_id);
    return [
      {
        name: run?.name === undefined || run.name === "" ? "run" : `run ${run.name}`,
        traceId,
        spanId: runSpanId(run_id),
        parentId,
        startedAt: run?.opened_at ?? ulidTime(run_id),
        endedAt: at,
        isOk: okOf(verdict),
        message: "",
        attributes: {
          "testyard.run_id": run_id,
          "testyard.verdict": verdict,
          "testyard.tasks": total,
          ...(run !== undefined && { "testyard.project": run.project }),
        },
      },
    ];
  }
}

function okOf(end: string): boolean | null {
  if (end === "passed" || end === "completed") return true;
  return end === "cancelled" || end === "skipped" ? null : false;
}
