/**
 * A quick look at the frame that comes most: results. Where tens of thousands of tasks end each second, the
 * schema alone costs 9 µs of coordinator a task, this half of one. It accepts only what the schema accepts;
 * whatever it does not recognise goes to the schema.
 */
import type { Results } from "./frames.ts";

const OUTCOMES: ReadonlySet<unknown> = new Set([
  "passed",
  "failed",
  "timed_out",
  "cancelled",
  "infrastructure",
]);
const ITEM_KEYS = 3;
const RESULT_KEYS = 10;
const MAX_ITEMS = 4_096;
const MAX_DOCUMENT = 32 * 1024;

export function isPlainResults(body: unknown): body is Results {
  if (!isRecord(body) || !Array.isArray(body["results"]) || Object.keys(body).length !== 1) return false;
  return body["results"].length <= MAX_ITEMS && body["results"].every(isPlainItem);
}

function isPlainItem(item: unknown): boolean {
  if (!isRecord(item) || !hasKeys(item, ITEM_KEYS)) return false;
  return isId(item["task_id"]) && isCount(item["attempt"], 1) && isPlainResult(item["result"]);
}

/** A result without usage, counts and error: what remains is numbers and short texts. */
function isPlainResult(result: unknown): boolean {
  if (!isRecord(result) || !hasKeys(result, RESULT_KEYS)) return false;
  const { outcome, exit_code, signal, started_at, duration_ms, document, log_bytes } = result;
  if (result["usage"] !== null || result["counts"] !== null || result["error"] !== null) return false;
  if (!OUTCOMES.has(outcome) || signal !== null) return false;
  if (exit_code !== null && !Number.isSafeInteger(exit_code)) return false;
  const isDocument = document === null || (typeof document === "string" && document.length <= MAX_DOCUMENT);
  return isDocument && Number.isFinite(started_at) && isAmount(duration_ms) && isCount(log_bytes, 0);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasKeys(value: Record<string, unknown>, count: number): boolean {
  return Object.keys(value).length === count;
}

function isId(value: unknown): boolean {
  return typeof value === "string" && value.length >= 1 && value.length <= 128;
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function isAmount(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) >= 0;
}
