/**
 * A run's feed that outlives its connection: it goes on from the last position, and tells nothing twice.
 *
 * Several things may share a position, and a connection may break between them. So after a break the last
 * position is asked for again, and what was told of it before is left out; a ping says that it is complete.
 */
import type { FeedItem } from "../protocol/index.ts";
import { ApiError, Unreachable } from "./errors.ts";
import { linesOf } from "./lines.ts";
import { pause, type Requests } from "./requests.ts";

export interface FeedOptions {
  /** The first position to tell of; the run's beginning unless given. */
  from?: number;
  signal?: AbortSignal;
  /** Called when the connection broke, and with null once there is a new one. */
  onInterrupted?: (error: Error | null) => void;
}

type Line = FeedItem | { kind: "ping"; position: number };

/** The server says something every 10 s. */
const SILENCE_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 3_000;

export async function* readFeed(
  requests: Requests,
  runId: string,
  { from = 0, signal, onInterrupted }: FeedOptions,
): AsyncGenerator<FeedItem> {
  const place = new Place(from);
  const isAborted = () => signal?.aborted === true;
  let pauseMs = FIRST_PAUSE_MS;
  let isBroken = false;
  while (!isAborted()) {
    try {
      for await (const line of connection(requests, { runId, from: place.from, signal })) {
        if (isBroken) onInterrupted?.(null);
        isBroken = false;
        pauseMs = FIRST_PAUSE_MS;
        if (place.isNew(line)) yield line as FeedItem;
      }
    } catch (error) {
      if (isAborted()) return;
      if (error instanceof ApiError && error.status < 500) throw error;
      if (!isBroken) onInterrupted?.(error instanceof Error ? error : new Unreachable(requests.url, error));
      isBroken = true;
    }
    if (isAborted()) return;
    await pause(pauseMs, signal);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

async function* connection(
  requests: Requests,
  { runId, from, signal }: { runId: string; from: number; signal: AbortSignal | undefined },
): AsyncGenerator<Line> {
  const silence = new AbortController();
  const giveUp = () => silence.abort(new Error("the feed has fallen silent"));
  let timer = setTimeout(giveUp, SILENCE_MS);
  const passOn = () => silence.abort(signal?.reason);
  signal?.addEventListener("abort", passOn);
  if (signal?.aborted === true) passOn();
  try {
    const path = `/api/runs/${encodeURIComponent(runId)}/feed`;
    const response = await requests.open({ path, query: { from }, signal: silence.signal });
    for await (const line of linesOf(response, silence.signal)) {
      clearTimeout(timer);
      yield JSON.parse(line) as Line;
      timer = setTimeout(giveUp, SILENCE_MS);
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", passOn);
    // Whoever stops reading leaves no connection behind.
    silence.abort();
  }
}

/** What tells items of one position apart. */
function nameOf(item: FeedItem): string {
  if (item.kind === "run_ended") return `run ended ${item.ended}`;
  return `${item.kind} ${item.task_id} ${"attempt" in item ? item.attempt : item.state}`;
}

class Place {
  from: number;
  #told = new Set<string>();

  constructor(from: number) {
    this.from = from;
  }

  isNew(line: Line): boolean {
    if (line.kind === "ping") {
      // Everything up to here is complete.
      if (line.position >= this.from) this.#moveTo(line.position + 1);
      return false;
    }
    if (line.position < this.from) return false;
    if (line.position > this.from) this.#moveTo(line.position);
    const name = nameOf(line);
    if (this.#told.has(name)) return false;
    this.#told.add(name);
    return true;
  }

  #moveTo(position: number): void {
    this.from = position;
    this.#told.clear();
  }
}
