/**
 * Feeds: what happens in a run, from any position on, without a gap and for as long as somebody reads.
 *
 * What is past is read from the log, what comes is handed over as it commits; the seam is one position. A
 * reader who is too slow for the live part is not cut off: what has gathered for it is thrown away and read
 * from the log once it asks for more, so a feed costs at most a bounded buffer, whoever reads it.
 */
import type { State } from "../core/index.ts";
import { decodeRecord, type EventLog, type LogRecord } from "../log/index.ts";
import type { Clock } from "../ports/index.ts";
import { History, itemsOf, lookupIn, runOf } from "./feed-items.ts";
import type { Committed } from "./loop.ts";

export interface FeedOptions {
  log: EventLog;
  clock: Clock;
  state: () => State;
  committedPosition: () => number;
  pingMs?: number;
  bufferChars?: number;
}

export interface FollowOptions {
  /** The first position to tell of. */
  from: number;
  /** Nothing of the run is older (log time): the reading begins there at the earliest. */
  openedAt: number;
  signal: AbortSignal;
}

const PING_MS = 10_000;
const BUFFER_CHARS = 4 * 1024 * 1024;

export class FeedHub {
  readonly #options: FeedOptions;
  readonly #readers = new Map<string, Set<LiveReader>>();

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** To be told of every commit, in order. */
  committed(record: Committed): void {
    if (this.#readers.size === 0) return;
    for (const [runId, text] of this.#linesByRun(record)) {
      for (const reader of this.#readers.get(runId) ?? [])
        reader.add({ position: record.position, text, isPing: false });
    }
  }

  #linesByRun({ position, at, events }: Committed): Map<string, string> {
    const lines = new Map<string, string>();
    const lookup = lookupIn(this.#options.state());
    for (const event of events) {
      const runId = runOf(event, lookup);
      if (runId === undefined || !this.#readers.has(runId)) continue;
      let text = lines.get(runId) ?? "";
      for (const item of itemsOf(event, { position, at }, lookup)) text += `${JSON.stringify(item)}\n`;
      lines.set(runId, text);
    }
    return lines;
  }

  /** Lines of JSON, whole ones in each piece, until the signal aborts. */
  async *follow(runId: string, { from, openedAt, signal }: FollowOptions): AsyncGenerator<string> {
    let next = Math.max(from, await this.#positionAt(openedAt));
    while (!signal.aborted) {
      const reader = this.#listen(runId, signal);
      try {
        const seam = this.#options.committedPosition();
        yield* this.#past(runId, { from: next, to: seam, signal });
        next = Math.max(next, seam + 1);
        // Says at once how far the past went.
        yield pingLine(next - 1);
        for await (const piece of reader.pieces(() => this.#options.committedPosition())) {
          if (piece.isPing || piece.position >= next) yield piece.text;
          next = Math.max(next, piece.position + 1);
        }
      } finally {
        this.#leave(runId, reader);
      }
    }
  }

  #listen(runId: string, signal: AbortSignal): LiveReader {
    const { clock, pingMs = PING_MS, bufferChars = BUFFER_CHARS } = this.#options;
    const reader = new LiveReader({ clock, pingMs, bufferChars, signal });
    const readers = this.#readers.get(runId) ?? new Set();
    this.#readers.set(runId, readers.add(reader));
    return reader;
  }

  #leave(runId: string, reader: LiveReader): void {
    reader.end();
    const readers = this.#readers.get(runId);
    readers?.delete(reader);
    if (readers?.size === 0) this.#readers.delete(runId);
  }

  async *#past(
    runId: string,
    { from, to, signal }: { from: number; to: number; signal: AbortSignal },
  ): AsyncGenerator<string> {
    if (from > to) return;
    const { log, state, clock } = this.#options;
    const history = new History(state());
    for await (const stored of log.read(Math.max(from, await log.first()))) {
      if (stored.position > to || signal.aborted) return;
      const text = linesOf(decodeRecord(stored), runId, history);
      if (text !== "") yield text;
      // Decoding is work of this process's only thread: others get their turn after each record.
      await new Promise<void>((resolve) => clock.soon(resolve));
    }
  }

  /** The first record that is not older than `time`: log time never goes back, so it is found by halving. */
  async #positionAt(time: number): Promise<number> {
    const { log, committedPosition } = this.#options;
    let low = await log.first();
    let high = committedPosition() + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const at = await timeOf(log, middle);
      if (at !== null && at < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

async function timeOf(log: EventLog, position: number): Promise<number | null> {
  for await (const stored of log.read(position)) return decodeRecord(stored).at;
  return null;
}

function linesOf({ position, at, events }: LogRecord, runId: string, history: History): string {
  let text = "";
  for (const event of events) {
    history.see(event, runId);
    if (runOf(event, history) !== runId) continue;
    for (const item of itemsOf(event, { position, at }, history)) text += `${JSON.stringify(item)}\n`;
  }
  return text;
}

function pingLine(position: number): string {
  return `${JSON.stringify({ kind: "ping", position })}\n`;
}

interface Piece {
  position: number;
  text: string;
  isPing: boolean;
}

/** Holds what comes in for one reader, up to its limit. */
class LiveReader {
  readonly #options: { clock: Clock; pingMs: number; bufferChars: number; signal: AbortSignal };
  #held: Piece[] = [];
  #chars = 0;
  #state: "open" | "overflowed" | "ended" = "open";
  #wake: (() => void) | null = null;
  readonly #onAbort = () => this.end();

  constructor(options: { clock: Clock; pingMs: number; bufferChars: number; signal: AbortSignal }) {
    this.#options = options;
    options.signal.addEventListener("abort", this.#onAbort);
    if (options.signal.aborted) this.end();
  }

  add(piece: Piece): void {
    if (this.#state !== "open" || piece.text === "") return;
    this.#chars += piece.text.length;
    if (this.#chars > this.#options.bufferChars) {
      this.#state = "overflowed";
      this.#held = [];
    } else {
      this.#held.push(piece);
    }
    this.#wake?.();
  }

  end(): void {
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.#state = "ended";
    this.#wake?.();
  }

  /** Ends when the reader is ended, or was too slow and has to read the log. */
  async *pieces(committedPosition: () => number): AsyncGenerator<Piece> {
    while (this.#state === "open") {
      const piece = this.#held.shift();
      if (piece !== undefined) {
        this.#chars -= piece.text.length;
        yield piece;
      } else if ((await this.#wait()) === "quiet" && this.#held.length === 0) {
        // Everything committed so far has been handed to us before this turn.
        const position = committedPosition();
        yield { position, text: pingLine(position), isPing: true };
      }
    }
  }

  async #wait(): Promise<"news" | "quiet"> {
    const { clock, pingMs } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.after(pingMs, () => done("quiet"));
      const done = (what: "news" | "quiet") => {
        timer.cancel();
        this.#wake = null;
        resolve(what);
      };
      this.#wake = () => done("news");
    });
  }
}
