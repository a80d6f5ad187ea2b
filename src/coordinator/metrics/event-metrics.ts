/**
 * What is counted as it happens: every figure comes from a committed event or a finished append, so that
 * two coordinators that read the same log have counted the same.
 *
 * This runs for every event of a busy yard. So what a record holds is summed first and handed over once, and
 * only durations are observed one by one (0.3 µs each).
 */
import { Counter, Histogram, Registry } from "prom-client";
import { ulidTime, type Event, type State } from "../../core/index.ts";
import type { Committed } from "../loop.ts";

const SHORT_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
const LONG_S = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200];

export class EventMetrics {
  readonly registry = new Registry();
  readonly #attempts: Counter<"outcome">;
  readonly #submitted: Counter;
  readonly #refused: Counter;
  readonly #wait: Histogram;
  readonly #duration: Histogram;
  readonly #append: Histogram;
  readonly #logBytes: Counter;
  readonly #received: Counter;

  constructor() {
    const registers = [this.registry];
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    const seconds = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name, help, buckets, registers });
    this.#attempts = new Counter({
      name: "testyard_attempts_total",
      help: "Attempts that ended, by outcome; lost ones had a worker that went away.",
      labelNames: ["outcome"],
      registers,
    });
    this.#submitted = counter("testyard_tasks_submitted_total", "Tasks that were accepted.");
    this.#refused = counter(
      "testyard_results_refused_total",
      "Results that came too late or from the wrong worker.",
    );
    this.#wait = seconds(
      "testyard_task_wait_seconds",
      "From submission to the first assignment, of tasks without dependencies.",
      LONG_S,
    );
    this.#duration = seconds("testyard_attempt_duration_seconds", "How long attempts ran.", LONG_S);
    this.#append = seconds(
      "testyard_log_append_duration_seconds",
      "From handing a record to the log until it is durable.",
      SHORT_S,
    );
    this.#logBytes = counter("testyard_log_appended_bytes_total", "Bytes of records appended to the log.");
    this.#received = counter(
      "testyard_bulk_received_bytes_total",
      "Bytes of blobs and of attempts' logs that came in.",
    );
  }

  appended({ durationMs, sizeBytes }: { durationMs: number; sizeBytes: number }): void {
    this.#append.observe(durationMs / 1000);
    this.#logBytes.inc(sizeBytes);
  }

  received(sizeBytes: number): void {
    this.#received.inc(sizeBytes);
  }

  committed({ events }: Committed, state: State): void {
    const outcomes = new Map<string, number>();
    let submitted = 0;
    for (const event of events) {
      if (event.type === "TasksAdded") submitted += event.tasks.length;
      else this.#note(event, state, outcomes);
    }
    if (submitted > 0) this.#submitted.inc(submitted);
    for (const [outcome, count] of outcomes) this.#attempts.inc({ outcome }, count);
  }

  #note(event: Event, state: State, outcomes: Map<string, number>): void {
    switch (event.type) {
      case "AttemptAssigned": {
        const { task_id, lease } = event;
        const waits = state.tasks.get(task_id)?.spec.dependencies.length === 0;
        if (lease.attempt === 1 && waits) {
          this.#wait.observe(Math.max(0, lease.assigned_at - ulidTime(task_id)) / 1000);
        }
        return;
      }
      case "AttemptFinished": {
        const { outcome, duration_ms } = event.result;
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        return this.#duration.observe(duration_ms / 1000);
      }
      case "AttemptLost":
        return void outcomes.set("lost", (outcomes.get("lost") ?? 0) + 1);
      case "ResultRefused":
        return this.#refused.inc();
      default:
    }
  }
}
