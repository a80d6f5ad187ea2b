/**
 * Errors as the API answers them: RFC 9457 problem documents with a stable code. The table is the one place
 * that knows which HTTP status a code has; docs/ERRORS.md lists what each means and what to do.
 */
import * as z from "zod/mini";
import { named } from "./named.ts";

const STATUS = {
  invalid_json: 400,
  invalid_request: 400,
  cursor_invalid: 400,
  unauthorized: 401,
  forbidden_host: 403,
  not_found: 404,
  task_unknown: 404,
  run_unknown: 404,
  worker_unknown: 404,
  webhook_unknown: 404,
  delivery_unknown: 404,
  schedule_unknown: 404,
  log_unknown: 404,
  artifact_unknown: 404,
  export_unknown: 404,
  method_not_allowed: 405,
  body_timeout: 408,
  task_ended: 409,
  task_exists: 409,
  task_open: 409,
  task_retried: 409,
  task_passed: 409,
  dependency_failed: 409,
  task_not_queued: 409,
  task_not_poisoned: 409,
  run_exists: 409,
  worker_not_available: 409,
  worker_does_not_fit: 409,
  worker_leaves: 409,
  stale_attempt: 409,
  stale_incarnation: 409,
  idempotency_in_flight: 409,
  log_gap: 409,
  webhook_limit: 409,
  schedule_limit: 409,
  schedule_not_due: 409,
  export_busy: 409,
  blob_missing: 410,
  log_expired: 410,
  task_gone: 410,
  body_too_large: 413,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  idempotency_key_reused: 422,
  dependency_unknown: 422,
  dependency_self: 422,
  dependency_cycle: 422,
  blob_hash_mismatch: 422,
  manifest_refused: 422,
  sql_refused: 422,
  sql_failed: 422,
  sql_timeout: 422,
  sql_memory: 422,
  webhook_refused: 422,
  schedule_invalid: 422,
  headers_too_large: 431,
  internal: 500,
  not_leader: 503,
  not_ready: 503,
  results_unavailable: 503,
  shutting_down: 503,
  disk_full: 507,
} as const;

export type ProblemCode = keyof typeof STATUS;

const text = z.string();
const problemDetail = z.object({
  pointer: text.check(z.describe("JSON pointer into the request's body.")),
  code: text,
  message: text,
});

export const problemBody = named(
  "Problem",
  z.object({
    type: text,
    title: text,
    status: z.int(),
    detail: text.check(z.describe("What, why, and what to do about it.")),
    code: z.enum(Object.keys(STATUS) as [ProblemCode, ...ProblemCode[]]),
    errors: z.exactOptional(z.array(problemDetail)),
    details: z.exactOptional(z.record(text, z.unknown())),
    request_id: z
      .exactOptional(text)
      .check(z.describe("Under which the coordinator's log has the rest; also in the header X-Request-Id.")),
  }),
  "Why a request was refused (RFC 9457). `code` is stable.",
);

export type ProblemDetail = z.infer<typeof problemDetail>;
export type Problem = z.infer<typeof problemBody>;

/** The HTTP status that a code is answered with. */
export function statusOf(code: ProblemCode): number {
  return STATUS[code];
}

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(STATUS, code);
}

export function problem(
  code: ProblemCode,
  detail: string,
  more: { errors?: ProblemDetail[]; details?: Record<string, unknown> } = {},
): Problem {
  const title = code.replaceAll("_", " ");
  return { type: `/errors#${code}`, title, status: STATUS[code], detail, code, ...more };
}
