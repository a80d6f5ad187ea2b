/**
 * Follows a run to its end by its feed, which begins again by itself wherever the coordinator has gone. Ends
 * early in one case: when nothing has run for as long as placement may take and no worker can ever take what
 * is left.
 */
import type { Client } from "../../client/index.ts";
import type { Progress } from "./progress.ts";
import type { RunBook } from "./run-book.ts";
import { whyUnplaceable } from "./unplaceable.ts";

export type FollowEnd = "ended" | "unplaceable" | "interrupted";

export interface FollowOptions {
  client: Client;
  runId: string;
  book: RunBook;
  progress: Progress;
  /** Position from which the feed is read. */
  from: number;
  /** null waits for ever. */
  placementTimeoutMs: number | null;
  signal: AbortSignal;
}

const LOOK_MS = 500;

export async function followRun(options: FollowOptions): Promise<FollowEnd> {
  const { client, runId, book, progress, from } = options;
  if (book.total > 0 && book.done === book.total) return "ended";
  const stop = new AbortController();
  const onAbort = (): void => stop.abort();
  options.signal.addEventListener("abort", onAbort);
  if (options.signal.aborted) stop.abort();
  const watch = watchPlacement(options, stop);
  const onInterrupted = (error: Error | null): void =>
    progress.note(
      error === null ? "the coordinator is back" : `waiting for the coordinator: ${error.message}`,
    );
  try {
    for await (const item of client.feed(runId, { from, signal: stop.signal, onInterrupted })) {
      const change = book.apply(item);
      if (change === null) continue;
      progress.changed(change);
      watch.alive();
      if (book.done === book.total) return "ended";
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    watch.stop();
    options.signal.removeEventListener("abort", onAbort);
    stop.abort();
  }
  return options.signal.aborted ? "interrupted" : "unplaceable";
}

/** While something runs, its end may make room; only then is waiting without an end in sight. */
function watchPlacement(
  { client, book, placementTimeoutMs }: FollowOptions,
  stop: AbortController,
): { alive(): void; stop(): void } {
  let since = performance.now();
  let isAsking = false;
  const look = async (limitMs: number): Promise<void> => {
    if (isAsking || book.running.length > 0 || performance.now() - since < limitMs) return;
    isAsking = true;
    try {
      const reasons = await whyUnplaceable(client, book.waiting);
      if (reasons === null) return;
      for (const [taskId, reason] of reasons) book.setReason(taskId, reason);
      stop.abort();
    } catch {
      // The coordinator is away: no answer is no reason to give up.
      since = performance.now();
    } finally {
      isAsking = false;
    }
  };
  const timer =
    placementTimeoutMs === null ? undefined : setInterval(() => void look(placementTimeoutMs), LOOK_MS);
  return {
    alive: () => {
      since = performance.now();
    },
    stop: () => clearInterval(timer),
  };
}
