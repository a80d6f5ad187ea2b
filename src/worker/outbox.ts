/**
 * Starts and results on their way out, gathered so that what happens in one turn shares a frame. A start whose
 * result is already here is not worth a word.
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

export class Outbox {
  readonly #clock: Clock;
  readonly #send: (frame: WorkerFrame) => void;
  #started = new Map<string, Ref>();
  #results: Reported[] = [];
  #planned = false;

  constructor(clock: Clock, send: (frame: WorkerFrame) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  started(ref: Ref): void {
    this.#started.set(`${ref.task_id}/${ref.attempt}`, ref);
    this.#plan();
  }

  result(reported: Reported): void {
    this.#started.delete(`${reported.task_id}/${reported.attempt}`);
    this.#results.push(reported);
    this.#plan();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    this.#clock.soon(() => this.#flush());
  }

  #flush(): void {
    this.#planned = false;
    const [started, results] = [[...this.#started.values()], this.#results];
    this.#started = new Map();
    this.#results = [];
    for (let i = 0; i < started.length; i += 4000) {
      this.#send({ type: "started", body: { attempts: started.slice(i, i + 4000) } });
    }
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
