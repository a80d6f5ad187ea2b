/**
 * How a request ends otherwise than well: a problem document, whatever went wrong and wherever it did.
 *
 * Inside a route a refusal is thrown: it leaves through layers of awaits to the one place that answers.
 * What is not a refusal and not known here is a defect: the caller learns only that, our log the rest.
 */
import type { FastifyReply } from "fastify";
import { InvariantError, type Rejection } from "../../core/index.ts";
import {
  isProblemCode,
  problem,
  type Problem,
  type ProblemCode,
  type ProblemDetail,
} from "../../protocol/index.ts";
import { LoopEnded } from "../loop.ts";
import type { HttpContext } from "./context.ts";

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly problem: Problem;
  readonly headers: Record<string, string>;

  constructor(answer: Problem, headers: Record<string, string> = {}) {
    super(answer.detail);
    this.problem = answer;
    this.headers = headers;
  }
}

export function refusal(
  code: ProblemCode,
  detail: string,
  more: { errors?: ProblemDetail[]; details?: Record<string, unknown> } = {},
): Refusal {
  return new Refusal(problem(code, detail, more));
}

export function invalid(errors: ProblemDetail[]): Refusal {
  const [first] = errors;
  const where = first === undefined || first.pointer === "" ? "" : `${first.pointer}: `;
  return refusal("invalid_request", `${where}${first?.message ?? "the request is not valid"}`, { errors });
}

export function rejected({ code, message, details }: Rejection, errors?: ProblemDetail[]): Refusal {
  return refusal(code, message, { ...(details && { details }), ...(errors && { errors }) });
}

const PROBLEM_TYPE = "application/problem+json";
const RETRY_AFTER_S = "1";

export function sendProblem(reply: FastifyReply, answer: Problem): FastifyReply {
  if (answer.status === 503) reply.header("retry-after", RETRY_AFTER_S);
  return reply
    .code(answer.status)
    .type(PROBLEM_TYPE)
    .header("x-request-id", reply.request.id)
    .send(Buffer.from(JSON.stringify({ ...answer, request_id: reply.request.id })));
}

export function answerError(context: HttpContext, reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof Refusal) reply.headers(error.headers);
  // The rest of a body that nobody reads would be taken for the next request.
  if (!reply.request.raw.complete) reply.header("connection", "close");
  return sendProblem(reply, problemOf(context, { error, requestId: reply.request.id }));
}

function problemOf(
  context: HttpContext,
  { error, requestId }: { error: unknown; requestId: string },
): Problem {
  if (error instanceof Refusal) return error.problem;
  if (error instanceof LoopEnded) return loopProblem(error);
  const known = codedProblem(error);
  if (known !== null) return known;
  if (isFatal(error)) context.fatal(error);
  context.logger.error("a request met a defect", {
    request_id: requestId,
    reason: error instanceof Error ? error.stack : String(error),
  });
  return problem("internal", "the coordinator met a defect; its log says which");
}

/**
 * Nothing is written any more; whoever starts the coordinator again finds everything that was acknowledged.
 */
function loopProblem({ code, message }: LoopEnded): Problem {
  return isProblemCode(code) ? problem(code, message) : problem("shutting_down", `${message} (${code})`);
}

/** The state may be half changed, or the disk not hold what it said it holds. */
function isFatal(error: unknown): error is Error {
  return error instanceof InvariantError || codeOf(error) === "disk_failed";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function detailsOf(error: unknown): Record<string, unknown> {
  const held = error instanceof Error && "details" in error ? error.details : {};
  return typeof held === "object" && held !== null ? { ...held } : {};
}

/** Errors of fastify, the blob store and the results, by the codes that they promise. */
function codedProblem(error: unknown): Problem | null {
  const detail = error instanceof Error ? error.message : "";
  const details = detailsOf(error);
  switch (codeOf(error)) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return problem("body_too_large", "the body is larger than this address takes");
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return problem("unsupported_media_type", "send the body as application/json");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return problem("invalid_request", "the body has another length than announced");
    case "FST_ERR_BAD_URL":
      return problem("invalid_request", "the address is not a valid URL");
    case "blob_hash_mismatch":
      return problem("blob_hash_mismatch", detail, { details });
    case "blob_missing":
    case "blob_corrupt":
      return problem("blob_missing", detail, { details });
    case "blob_too_large":
      return problem("body_too_large", detail, { details });
    case "blob_bad_key":
      return problem("invalid_request", detail, { details });
    case "log_gap":
      return problem("log_gap", detail, { details: { size: details["expected_offset"] } });
    case "log_conflict":
      return problem("stale_attempt", `${detail}: somebody else has written this log`, { details });
    case "sql_refused":
    case "sql_failed":
    case "sql_timeout":
    case "sql_memory":
      return problem(codeOf(error) as ProblemCode, detail);
    case "results_unavailable":
      return problem("results_unavailable", detail);
    case "disk_full":
      return problem("disk_full", detail, { details });
    default:
      return null;
  }
}
