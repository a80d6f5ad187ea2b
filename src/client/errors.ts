/** What a caller of the API can meet. */
import type { ProblemDetail } from "../protocol/index.ts";

/** The coordinator has answered, and the answer is no. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly errors: readonly ProblemDetail[];
  /** Under which the coordinator's log has the rest. */
  readonly requestId: string | null;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(answer: {
    code: string;
    status: number;
    detail: string;
    errors?: readonly ProblemDetail[];
    details?: Record<string, unknown>;
    requestId?: string | null;
  }) {
    super(answer.detail);
    this.code = answer.code;
    this.status = answer.status;
    this.detail = answer.detail;
    this.errors = answer.errors ?? [];
    this.requestId = answer.requestId ?? null;
    this.details = answer.details ?? {};
  }
}

/** Nobody answers at the address, or not for long enough. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  readonly code = "unreachable";
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`no coordinator answers at ${url} (${reasonOf(cause)})`, { cause });
    this.url = url;
  }
}

/** fetch says "fetch failed" and keeps what happened in the cause. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const inner = cause.cause;
  if (inner instanceof Error) return "code" in inner ? String(inner.code) : inner.message;
  return cause.message;
}

/** Reads an error answer, also one of a proxy that knows nothing of problem documents. */
export async function apiError(response: Response): Promise<ApiError> {
  const { status } = response;
  const text = await response.text().catch(() => "");
  const body = parsed(text);
  const code = textOf(body["code"]) ?? `http_${status}`;
  const detail = textOf(body["detail"]) ?? `the answer was ${status} ${response.statusText}`.trim();
  const errors = Array.isArray(body["errors"]) ? (body["errors"] as ProblemDetail[]) : [];
  const details = body["details"];
  const isObject = typeof details === "object" && details !== null;
  const requestId = response.headers.get("x-request-id");
  return new ApiError({
    code,
    status,
    detail,
    errors,
    requestId,
    ...(isObject && { details: { ...details } }),
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
