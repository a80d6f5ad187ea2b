/**
 * An attempt's log, as bytes. Followed, it goes on where a broken connection left off, until the attempt
 * ends.
 */
import type { LogMatch, LogMatches } from "../protocol/index.ts";
import { chunksOf } from "./lines.ts";
import type { Requests } from "./requests.ts";
import { pause } from "./requests.ts";
import { ApiError } from "./errors.ts";

export interface LogOptions {
  /** The newest unless given. */
  attempt?: number;
  /** First byte; 0 unless given. */
  from?: number;
  /** One after the last byte. */
  to?: number;
  /** Only so many lines from the end; instead of `from` and `to`. */
  tail?: number;
  follow?: boolean;
  signal?: AbortSignal;
}

const PAUSE_MS = 500;

export async function* readLog(
  requests: Requests,
  taskId: string,
  { attempt, from = 0, to, tail, follow = false, signal }: LogOptions,
): AsyncGenerator<Uint8Array> {
  const path = `/api/tasks/${encodeURIComponent(taskId)}/logs`;
  let at = from;
  let tried = attempt;
  let lines = tail;
  for (;;) {
    const part = lines === undefined ? { from: at, to } : { tail: lines };
    const query = { attempt: tried, ...part, ...(follow && { follow: true }) };
    const response = await requests.open({ path, query, ...(signal !== undefined && { signal }) });
    // A later attempt has a log of its own: after a break the one that was begun is gone on with.
    if (lines !== undefined) at = Number(response.headers.get("x-testyard-log-from")) || 0;
    lines = undefined;
    tried ??= Number(response.headers.get("x-testyard-attempt")) || undefined;
    try {
      for await (const chunk of chunksOf(response, signal)) {
        at += chunk.length;
        yield chunk;
      }
      return;
    } catch (error) {
      if (signal?.aborted === true || error instanceof ApiError) throw error;
      await pause(PAUSE_MS, signal);
    }
  }
}

export interface LogSearchOptions {
  /** A to Z as a to z. */
  ignoreCase?: boolean;
  /** Lines to end after; all unless given. */
  limit?: number;
}

const MATCHES_PER_PAGE = 1_000;

/** Every line that holds the text, however many requests that takes. @param path of a task or a run */
export async function* searchLogs(
  requests: Requests,
  path: string,
  {
    q,
    ignoreCase,
    limit = Number.POSITIVE_INFINITY,
    attempt,
  }: LogSearchOptions & { q: string; attempt?: number },
): AsyncGenerator<LogMatch> {
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = await requests.json<LogMatches>({
      path: `${path}/logs/search`,
      query: {
        q,
        attempt,
        limit: Math.min(left, MATCHES_PER_PAGE),
        cursor,
        ...(ignoreCase === true && { ignore_case: true }),
      },
    });
    yield* page.items;
    left -= page.items.length;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && left > 0);
}
