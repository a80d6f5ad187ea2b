/** What a worker reports of one attempt. Cases and metrics are one document, which the core does not open. */
export type AttemptOutcome = "passed" | "failed" | "timed_out" | "cancelled" | "infrastructure";

export interface CaseCounts {
  passed: number;
  failed: number;
  skipped: number;
  error: number;
}

export interface Usage {
  cpu_ms: number;
  max_rss_bytes: number;
}

export interface AttemptResult {
  outcome: AttemptOutcome;
  exit_code: number | null;
  signal: string | null;
  /** The worker's own wall clock; durations come from its monotonic one. */
  started_at: number;
  duration_ms: number;
  usage: Usage | null;
  counts: CaseCounts | null;
  /** JSON text of the result document when small, else the hash of the blob that holds it. */
  document: string | { blob: string } | null;
  log_bytes: number;
  /** Set when the attempt could not be carried out, or its log was cut. */
  error: { code: string; message: string } | null;
}
