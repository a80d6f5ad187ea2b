/**
 * How a run is going, while it goes: on a terminal a few lines that are redrawn, elsewhere one line for each
 * thing that ended. Everything on stderr; the result has stdout for itself.
 */
import { type AttemptFacts, oneLine } from "../../reports/index.ts";
import { isLive, LiveArea, say } from "../io.ts";
import { duration } from "../table.ts";
import type { Change, RunBook } from "./run-book.ts";

export interface Progress {
  changed(change: Change): void;
  /** A line of its own, above whatever is being redrawn. */
  note(text: string): void;
  stop(): void;
}

export function startProgress(book: RunBook): Progress {
  return isLive(process.stderr) ? new LiveProgress(book) : new PlainProgress(book);
}

class PlainProgress implements Progress {
  readonly #book: RunBook;

  constructor(book: RunBook) {
    this.#book = book;
  }

  changed(change: Change): void {
    const line = endLine(change, this.#book);
    if (line !== null) say(line);
  }

  note(text: string): void {
    say(text);
  }

  stop(): void {}
}

/** What has ended, in one line; null for what is not worth one. */
function endLine(change: Change, book: RunBook): string | null {
  const count = `[${book.done}/${book.total}]`;
  switch (change.kind) {
    case "started":
      return null;
    case "attempt_ended": {
      if (change.next !== "retry") return null;
      const { outcome } = change.attempt;
      return `${count} ${outcome.replace("_", " ")}, again  ${howOf(change.task.name, change.attempt, null)}`;
    }
    case "task_ended": {
      const state = change.state === "completed" ? "ok" : change.state.replace("_", " ");
      return `${count} ${state}  ${howOf(change.task.name, change.last, change.reason)}`;
    }
  }
}

function howOf(name: string, attempt: AttemptFacts | null, reason: string | null): string {
  const why = reason ?? attempt?.error?.message ?? null;
  const parts = [
    oneLine(name),
    ...(attempt === null ? [] : [duration(attempt.duration_ms), attempt.worker_id]),
    ...(why === null ? [] : [oneLine(why)]),
  ];
  return parts.join("  ");
}

const REDRAW_MS = 100;
const WORKER_LINES = 12;

class LiveProgress implements Progress {
  readonly #book: RunBook;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  readonly #area = new LiveArea();

  constructor(book: RunBook) {
    this.#book = book;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
  }

  changed(change: Change): void {
    const line =
      change.kind === "attempt_ended" && change.next !== "completed" ? endLine(change, this.#book) : null;
    if (line !== null) this.note(line);
  }

  note(text: string): void {
    this.#area.clear();
    say(text);
    this.#draw();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#area.clear();
  }

  #draw(): void {
    const elapsedMs = performance.now() - this.#startedAt;
    this.#area.draw(progressLines(this.#book, { elapsedMs, now: Date.now() }));
  }
}

export function progressLines(book: RunBook, time: { elapsedMs: number; now: number }): string[] {
  const { cases, done, total } = book;
  const left = remainingMs(book, time.elapsedMs);
  const head = [
    `${done}/${total} tasks`,
    `${cases.passed} passed`,
    ...(cases.failed > 0 ? [`${cases.failed} failed`] : []),
    ...(cases.skipped > 0 ? [`${cases.skipped} skipped`] : []),
    duration(time.elapsedMs),
    ...(left === null ? [] : [`about ${duration(left)} left`]),
  ];
  return [head.join(" · "), ...workerLines(book, time.now)];
}

/** The work done so far tells how quick the rest will be; nothing is said before a tenth of it is done. */
function remainingMs(book: RunBook, elapsedMs: number): number | null {
  if (book.done < 2 || book.done * 10 < book.total || book.done === book.total) return null;
  return (elapsedMs / book.done) * (book.total - book.done);
}

/**
 * One line a worker: the task that has run longest there, and how many more. The slowest of all comes first.
 */
function workerLines(book: RunBook, now: number): string[] {
  const byWorker = new Map<string, { name: string; since: number; more: number }>();
  for (const { workerId, task, since } of book.running) {
    const known = byWorker.get(workerId);
    if (known === undefined) byWorker.set(workerId, { name: task.name, since, more: 0 });
    else {
      known.more += 1;
      if (since < known.since) [known.name, known.since] = [task.name, since];
    }
  }
  const slowestFirst = [...byWorker].sort(([, a], [, b]) => a.since - b.since);
  const lines = slowestFirst.slice(0, WORKER_LINES).map(([id, { name, since, more }]) => {
    const others = more === 0 ? "" : `  (+${more})`;
    return `  ${id}  ${duration(Math.max(0, now - since))}  ${oneLine(name)}${others}`;
  });
  const hidden = byWorker.size - lines.length;
  return hidden > 0 ? [...lines, `  … and ${hidden} more workers`] : lines;
}
