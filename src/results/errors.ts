/** What can go wrong with the results: one class for each thing that a caller would do differently. */

export type RefusalCode =
  /** The projection of another cluster's log, or of another history of this one. */
  | "results_foreign"
  /** It has seen more than the log holds: an older copy of the log was put back. */
  | "results_ahead"
  /** The log has forgotten records that it still needs. */
  | "results_gap"
  /** Written by a version of Testyard with other tables. */
  | "results_format"
  /** No DuckDB database, or one with somebody else's tables. */
  | "results_foreign_file"
  /** Its own checksums say that it is damaged. */
  | "results_corrupt"
  | "results_missing"
  | "results_locked"
  /** The system refuses: no such folder, no permission, no room. */
  | "results_unopenable";

/** The file cannot be used as it lies there. A person has to act; the message says how. */
export class ResultsRefused extends Error {
  override readonly name = "ResultsRefused";
  readonly code: RefusalCode;
  readonly details: Record<string, string | number>;

  constructor(code: RefusalCode, message: string, details: Record<string, string | number>) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** Not now: the process that holds the file is starting, restarting, closed or too slow. Ask again later. */
export class ResultsUnavailable extends Error {
  override readonly name = "ResultsUnavailable";
  readonly code = "results_unavailable";
  readonly details = {};
}

export type SqlCode =
  /** Not one SELECT, or one with a function that does more than read. */
  | "sql_refused"
  /** DuckDB says what is wrong with it. */
  | "sql_failed"
  | "sql_timeout"
  | "sql_memory";

/** The query of a person is not answered, and it is the query that has to change. */
export class SqlRefused extends Error {
  override readonly name = "SqlRefused";
  readonly code: SqlCode;

  constructor(code: SqlCode, message: string) {
    super(message);
    this.code = code;
  }
}

export type ExportCode =
  | "export_table_unknown"
  /** Whoever wanted it, or the process, has gone. */
  | "export_ended"
  | "export_failed"
  | "disk_full";

/** There are no files, and nothing is left of them. */
export class ExportFailed extends Error {
  override readonly name = "ExportFailed";
  readonly code: ExportCode;

  constructor(code: ExportCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
