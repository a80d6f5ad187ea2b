/** Why a coordinator did not start: one line for the person who started it, and what to do about it. */

export class StartError extends Error {
  override readonly name = "StartError";
  /** Stable: `port_taken`, `log_in_use`, `beyond_loopback`, `results_foreign_file` and others. */
  readonly code: string;
  /** What to do next; "" when the message says it. */
  readonly hint: string;

  constructor(code: string, message: string, { hint, cause }: { hint: string; cause?: unknown }) {
    super(message, { cause });
    this.code = code;
    this.hint = hint;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  log_in_use: "Stop that coordinator first, or give this one another --data-dir.",
  log_corrupt: "Nothing was changed. Put a backup of the data directory back.",
  log_newer: "Start the newer version of testyard that wrote it.",
  log_rewound: "An older copy of the log was put back: put the newer one back, or remove the snapshots.",
  disk_full: "Make room on the disk and start again; nothing that was acknowledged is lost.",
  results_locked: "Close the program that has the results file open.",
  EACCES: "Check who owns the data directory and may write to it.",
  EROFS: "Give a --data-dir on a file system that can be written to.",
};

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Whatever went wrong on the way up. */
export function startError(error: unknown): StartError {
  if (error instanceof StartError) return error;
  const found = error instanceof Error && "code" in error ? String(error.code) : "";
  const isSystem = /^E[A-Z0-9]+$/.test(found);
  const message = error instanceof Error ? error.message : String(error);
  // Engines that write their files themselves tell of a full disk in their own words.
  const isFull = FULL.has(found) || message.includes("No space left");
  const code = isFull ? "disk_full" : isSystem ? "data_dir_unusable" : found || "start_failed";
  return new StartError(code, message, { hint: HINTS[found] ?? HINTS[code] ?? "", cause: error });
}

/** @param wanted the address that could not be had */
export function listenError(error: unknown, { host, port }: { host: string; port: number }): StartError {
  const found = error instanceof Error && "code" in error ? String(error.code) : "";
  if (found === "EADDRINUSE") {
    const hint = "Stop what listens there, or give another --port.";
    return new StartError("port_taken", `port ${port} on ${host} is taken`, { hint, cause: error });
  }
  const why = error instanceof Error ? error.message : String(error);
  const hint = "Give another --host or --port.";
  return new StartError("port_unusable", `cannot listen on ${host} port ${port}: ${why}`, {
    hint,
    cause: error,
  });
}
