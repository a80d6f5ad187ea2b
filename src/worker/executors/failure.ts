/**
 * Why an attempt could not be carried out. `failed` is the task's own doing and would be the same elsewhere;
 * `infrastructure` is ours or the machine's, is counted apart, and may go well on another worker.
 */
import { isSpawnProblem } from "./processes.ts";

export class AttemptFailure extends Error {
  override readonly name = "AttemptFailure";
  readonly outcome: "failed" | "infrastructure";
  readonly code: string;
  readonly exitCode: number | null;

  constructor(
    outcome: "failed" | "infrastructure",
    what: { code: string; message: string; exitCode?: number },
  ) {
    super(what.message);
    this.outcome = outcome;
    this.code = what.code;
    this.exitCode = what.exitCode ?? null;
  }
}

export function failureOf(error: unknown): AttemptFailure {
  if (error instanceof AttemptFailure) return error;
  const code =
    error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "worker_error";
  const message = error instanceof Error ? error.message : String(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new AttemptFailure("infrastructure", { code: "disk_full", message });
  return new AttemptFailure("infrastructure", { code: code.slice(0, 64), message });
}

/** Who named the program decides whose failure it is that there is none. */
export function spawnFailure(
  error: unknown,
  what: { argv: readonly string[]; cwd: string; isUsers: boolean },
): AttemptFailure {
  if (!isSpawnProblem(error)) return failureOf(error);
  const program = JSON.stringify(what.argv[0] ?? "");
  if (error.about === "folder") {
    return new AttemptFailure("failed", {
      code: "folder_missing",
      message: `there is no folder ${what.cwd} to run in`,
    });
  }
  if (error.about === "machine" && error.errno !== "ERR_INVALID_ARG_VALUE") {
    const message = `${program} could not be started: ${error.message}`;
    return new AttemptFailure("infrastructure", { code: "spawn_failed", message });
  }
  if (!what.isUsers) {
    const message = `the interpreter ${program} could not be started: ${error.message}`;
    return new AttemptFailure("infrastructure", { code: "interpreter_missing", message });
  }
  if (error.errno === "ENOENT" || error.errno === "ENOTDIR") {
    const message = `command not found: ${program} is neither in PATH nor in ${what.cwd}`;
    return new AttemptFailure("failed", { code: "command_not_found", message, exitCode: 127 });
  }
  const message = `${program} cannot be executed: ${error.message}`;
  return new AttemptFailure("failed", { code: "command_not_executable", message, exitCode: 126 });
}
