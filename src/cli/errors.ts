/**
 * Errors as people read them: what happened, why, and the next command. Whatever else is thrown becomes one of
 * these at the very end; a stack is shown only for what nobody foresaw.
 */
import { EXIT, type ExitCode } from "./exit-codes.ts";

export interface Trouble {
  code: string;
  exit: ExitCode;
  /** What is wrong, in one sentence. */
  message: string;
  /** What to do about it. */
  next: string | null;
  details?: unknown;
}

export class CliError extends Error {
  override readonly name = "CliError";
  readonly trouble: Trouble;

  constructor(trouble: Trouble) {
    super(trouble.message);
    this.trouble = trouble;
  }
}

export function usage(message: string, next: string | null = null): CliError {
  return new CliError({ code: "usage", exit: EXIT.usage, message, next });
}

export function infrastructure(code: string, message: string, next: string | null = null): CliError {
  return new CliError({ code, exit: EXIT.infrastructure, message, next });
}

interface Coded {
  code: string;
  message: string;
  status?: unknown;
  detail?: unknown;
  errors?: unknown;
  hint?: unknown;
}

function isCoded(error: unknown): error is Error & Coded {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof CliError) return error.trouble;
  if (isCoded(error) && typeof error.status === "number") return refusal(error, error.status);
  if (isCoded(error)) return coded(error);
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const next = "this is a defect of testyard: please report it with the lines above";
  return { code: "internal", exit: EXIT.infrastructure, message, next };
}

function coded(error: Error & Coded): Trouble {
  const exit = error.code === "client_key_missing" ? EXIT.authentication : EXIT.infrastructure;
  const next = typeof error.hint === "string" ? error.hint : null;
  return { code: error.code, exit, message: error.message, next };
}

/** A coordinator's answer that is none of ours to repair: 401 is the key, other 4xx what was asked for. */
function refusal(error: Error & Coded, status: number): Trouble {
  const { code, message } = error;
  const details =
    Array.isArray(error.errors) && error.errors.length > 0 ? { errors: error.errors } : undefined;
  const base = { code, message: message + pointers(error.errors), ...(details !== undefined && { details }) };
  if (status === 401 || status === 403) {
    const next = "name the yard's data directory with --data-dir, or set TESTYARD_CLIENT_KEY";
    return { ...base, exit: EXIT.authentication, next };
  }
  if (status < 500) return { ...base, exit: EXIT.usage, next: nextFor(code) };
  return { ...base, exit: EXIT.infrastructure, next: "look at the coordinator's own output" };
}

function pointers(errors: unknown): string {
  if (!Array.isArray(errors)) return "";
  const lines = errors.slice(0, 5).map((error: { pointer?: unknown; message?: unknown }) => {
    return `\n  ${String(error.pointer ?? "") || "/"}: ${String(error.message ?? "")}`;
  });
  return lines.join("");
}

function nextFor(code: string): string | null {
  switch (code) {
    case "task_unknown":
      return "testyard tasks lists the ids";
    case "worker_unknown":
      return "testyard workers lists the ids";
    default:
      return null;
  }
}
