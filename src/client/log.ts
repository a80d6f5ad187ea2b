/**
 * An attempt's log, as bytes. Followed, it goes on where a broken connection left off, until the attempt
 * ends.
 */
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
  follow?: boolean;
  signal?: AbortSignal;
}

const PAUSE_MS = 500;

export async function* readLog(
  requests: Requests,
  taskId: string,
  { attempt, from = 0, to, follow = false, signal }: LogOptions,
): AsyncGenerator<Uint8Array> {
  const path = `/api/tasks/${encodeURIComponent(taskId)}/logs`;
  let at = from;
  let tried = attempt;
  for (;;) {
    const query = { attempt: tried, from: at, to, ...(follow && { follow: true }) };
    const response = await requests.open({ path, query, ...(signal !== undefined && { signal }) });
    // A later attempt has a log of its own: after a break the one that was begun is gone on with.
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
