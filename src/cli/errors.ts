/**
 * Errors as people read them: what happened, why, and the next command. Whatever else is thrown becomes one
 * of these at the very end; a stack is shown only for what nobody foresaw.
 */
import type { Command, CommanderError } from "commander";
import { ApiError, Unreachable } from "../client/index.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

export interface Trouble {
  code: string;
  exit: ExitCode;
  /** What is wrong, in one sentence. */
  message: string;
  /** What it comes from, where the message alone leaves that open. */
  why?: string | undefined;
  /** What to do about it. */
  next: string | null;
  /** Under which the coordinator's log has the rest. */
  request_id?: string | undefined;
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

/** What the parser refuses, or shows (help, version), and of which command. */
export class ParserStop extends Error {
  override readonly name = "ParserStop";
  readonly error: CommanderError;
  readonly command: Command;

  constructor(error: CommanderError, command: Command) {
    super(error.message);
    this.error = error;
    this.command = command;
  }
}

/** null: help or the version was asked for and shown. */
export function parserTrouble({ error, command }: ParserStop): Trouble | null {
  if (error.exitCode === 0) return null;
  const words = pathOf(command).join(" ");
  if (error.code === "commander.help") return usage(`${words} needs a command`, `${words} --help`).trouble;
  const message = error.message
    .replace(/^error: /, "")
    .replace(/\s*\(Did you mean (.*)\?\)\s*$/s, "; did you mean $1?");
  return usage(message, `${words} --help`).trouble;
}

/** `testyard bench throughput`, as words. */
export function pathOf(command: Command): string[] {
  return command.parent === null ? [command.name()] : [...pathOf(command.parent), command.name()];
}

interface Coded extends Error {
  code: string;
  hint?: unknown;
}

function isCoded(error: unknown): error is Coded {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

export function troubleOf(error: unknown): Trouble {
  if (error instanceof CliError) return error.trouble;
  if (error instanceof ApiError) return refusal(error);
  if (error instanceof Unreachable) {
    const next = "start one with testyard up or testyard coordinator, or name another with --coordinator";
    return { code: error.code, exit: EXIT.infrastructure, message: error.message, next };
  }
  if (isCoded(error)) return coded(error);
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const next = "this is a defect of testyard: please report it with the lines above";
  return { code: "internal", exit: EXIT.infrastructure, message, next };
}

function coded(error: Coded): Trouble {
  const next = typeof error.hint === "string" && error.hint !== "" ? error.hint : nextFor(error.code);
  const exit = exitOfCode(error.code);
  return { code: error.code, exit, message: error.message, next };
}

/** Nothing that this machine lacks: another command line mends it. */
const ASKED_WRONG = new Set(["beyond_loopback", "export_table_unknown"]);

function exitOfCode(code: string): ExitCode {
  if (code.startsWith("client_key")) return EXIT.authentication;
  return code.startsWith("sql_") || ASKED_WRONG.has(code) ? EXIT.usage : EXIT.infrastructure;
}

/** 401 and 403 are about the key, other 4xx about what was asked for, 5xx about the coordinator. */
function refusal(error: ApiError): Trouble {
  const { code, status, errors } = error;
  const places = errors
    .slice(0, POINTERS_SHOWN)
    .map(({ pointer, message }) => `\n  ${pointer || "/"}: ${message}`);
  const base = {
    code,
    message: error.detail + places.join(""),
    ...(errors.length > 0 && { details: { errors } }),
  };
  if (status === 401 || status === 403) {
    const next = "name the yard's data directory with --data-dir, or set TESTYARD_CLIENT_KEY";
    return { ...base, exit: EXIT.authentication, next };
  }
  if (code === `http_${status}`) return { ...base, exit: EXIT.infrastructure, next: NO_COORDINATOR };
  if (status < 500) return { ...base, exit: EXIT.usage, next: nextFor(code) };
  const request_id = error.requestId ?? undefined;
  return { ...base, exit: EXIT.infrastructure, next: "look at the coordinator's own output", request_id };
}

const POINTERS_SHOWN = 5;
/** An answer that is no coordinator's: of a proxy, or of another program at that address. */
const NO_COORDINATOR = "see that a coordinator listens at that address, or name another with --coordinator";

function nextFor(code: string): string | null {
  switch (code) {
    case "task_unknown":
      return "testyard tasks lists the ids";
    case "run_unknown":
      return "testyard runs lists the ids";
    case "schedule_unknown":
      return "testyard schedule list shows the names";
    case "webhook_unknown":
      return "testyard webhooks list shows the ids";
    case "delivery_unknown":
      return "testyard webhooks deliveries shows the ids";
    case "task_ended":
      return "testyard task ID shows how; testyard retry ID repeats it";
    case "task_not_poisoned":
      return "testyard tasks --state poisoned lists those that are; testyard retry ID repeats another";
    case "worker_unknown":
      return "testyard workers lists the ids";
    case "workspace_changed":
      return "run it again; what is written all the time belongs into .testyardignore";
    case "sql_refused":
      return "testyard help query shows examples";
    case "sql_failed":
      return "testyard query --schema lists tables and columns";
    case "sql_timeout":
    case "sql_memory":
      return "ask for less (one run, one day, a LIMIT), or export with testyard export DIR and ask there";
    case "export_busy":
      return "try again when it is through; one that nobody fetches goes after a minute";
    case "export_table_unknown":
      return "testyard query --schema lists the tables";
    default:
      return null;
  }
}
