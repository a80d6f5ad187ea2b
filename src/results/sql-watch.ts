/**
 * Holds one query to its time and the process to its memory.
 *
 * An interrupt ends most queries within milliseconds. Not all: DuckDB looks for it between pieces of work,
 * and what it makes while it plans (`repeat('x', 1000000000)` as a constant) is one piece, allocated past its
 * own `memory_limit`. Unwatched, `unnest(range(1000000000))` brought a machine of 8 GB to its knees. So what
 * does not heed the interrupt ends the process: the file bears that at any moment, and the next process goes
 * on from the watermark.
 */
import type { DuckDBConnection } from "@duckdb/node-api";

export interface WatchLimits {
  timeoutMs: number;
  /** After the first interrupt; then the process ends. */
  graceMs: number;
  /** Of the whole process. The query is interrupted there, and the process ends half as far above it. */
  rssBytes: number;
}

export const WATCH_LIMITS: WatchLimits = { timeoutMs: 5_000, graceMs: 5_000, rssBytes: 1024 ** 3 };

export type Broken = "sql_timeout" | "sql_memory" | "abandoned";

export interface Watch {
  /** The limit that the query went over. */
  readonly broken: Broken | null;
  stop(): void;
}

const LOOK_MS = 25;

/** @param onDeaf the query does not heed the interrupt */
export function watchQuery(
  connection: Pick<DuckDBConnection, "interrupt">,
  limits: WatchLimits & { signal?: AbortSignal },
  onDeaf: (broken: Broken) => void,
): Watch {
  const from = performance.now();
  let broken: Broken | null = null;
  let brokenMs = 0;
  let isDeaf = false;
  const look = () => {
    const elapsedMs = performance.now() - from;
    const rss = process.memoryUsage.rss();
    if (broken === null) {
      brokenMs = elapsedMs;
      broken = brokenBy(limits, { elapsedMs, rss });
    }
    if (broken === null) return;
    connection.interrupt();
    if (isDeaf || (elapsedMs < brokenMs + limits.graceMs && rss < 1.5 * limits.rssBytes)) return;
    isDeaf = true;
    onDeaf(broken);
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    get broken() {
      return broken;
    },
    stop: () => clearInterval(timer),
  };
}

function brokenBy(
  { rssBytes, timeoutMs, signal }: WatchLimits & { signal?: AbortSignal },
  { elapsedMs, rss }: { elapsedMs: number; rss: number },
): Broken | null {
  if (rss > rssBytes) return "sql_memory";
  if (elapsedMs > timeoutMs) return "sql_timeout";
  return signal?.aborted === true ? "abandoned" : null;
}
