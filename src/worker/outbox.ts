/**
 * Starts and results on their way out, gathered so that what happens in one turn shares a frame.
 *
 * A start waits a moment longer: one whose result is already here is not worth a word, and every start that
 * is said is an event in the log. Not longer than that, because an attempt that takes its worker down must
 * have been known to run.
 */
import type { AttemptResult } from "../core/index.ts";
import type { WorkerFrame } from "../protocol/index.ts";
import type { Clock } from "../ports/index.ts";

interface Ref {
  task_id: string;
  attempt: number;
}

type Reported = Ref & { result: AttemptResult };

/** A frame holds at most 1 MiB; a result with its document stays below 40 KiB. */
const RESULT_CHARS = 400 * 1024;
const START_DELAY_MS = 3;

export class Outbox {
  readonly #clock: Clock;
  readonly #send: (frame: WorkerFrame) => void;
  #started = new Map<string, Ref>();
  #results: Reported[] = [];
  #resultsPlanned = false;
  #startsPlanned = false;

  constructor(clock: Clock, send: (frame: WorkerFrame) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  started(ref: Ref): void {
    this.#started.set(`${ref.task_id}/${ref.attempt}`, ref);
    if (this.#startsPlanned) return;
    this.#startsPlanned = true;
    this.#clock.after(START_DELAY_MS, () => this.#sendStarts());
  }

  /** Its result is on the way: that it started is no news any more. */
  ended(ref: Ref): void {
    this.#started.delete(`${ref.task_id}/${ref.attempt}`);
  }

  result(reported: Reported): void {
    this.ended(reported);
    this.#results.push(reported);
    if (this.#resultsPlanned) return;
    this.#resultsPlanned = true;
    this.#clock.soon(() => this.#sendResults());
  }

  #sendStarts(): void {
    this.#startsPlanned = false;
    const started = [...this.#started.values()];
    this.#started = new Map();
    for (let i = 0; i < started.length; i += 4000) {
      this.#send({ type: "started", body: { attempts: started.slice(i, i + 4000) } });
    }
  }

  #sendResults(): void {
    this.#resultsPlanned = false;
    const results = this.#results;
    this.#results = [];
    for (const part of byChars(results)) this.#send({ type: "results", body: { results: part } });
  }
}

function byChars(results: readonly Reported[]): Reported[][] {
  const parts: Reported[][] = [];
  let part: Reported[] = [];
  let chars = 0;
  for (const item of results) {
    const { document } = item.result;
    const size = 700 + (typeof document === "string" ? document.length * 1.3 : 80);
    if ((chars + size > RESULT_CHARS || part.length >= 4000) && part.length > 0) {
      parts.push(part);
      part = [];
      chars = 0;
    }
    part.push(item);
    chars += size;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}
