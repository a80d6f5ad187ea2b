/**
 * What can go wrong with a log: one class for each thing that a caller would do differently, each with a code
 * that stays.
 *
 * `disk_full` and `record_too_large` leave the log as it was, and the next append may succeed. After
 * `log_failed` the handle is dead: the process ends, starts again and folds what is really there.
 */
abstract class LogError extends Error {
  abstract readonly code: string;
  abstract readonly details: Record<string, unknown>;
}

/** No room on the disk. Nothing was written; appending works again once there is room. */
export class DiskFull extends LogError {
  override readonly name = "DiskFull";
  readonly code = "disk_full";
  readonly details: { position: number };

  constructor(position: number, cause: unknown) {
    super(`the disk is full: record ${position} was not written`, { cause });
    this.details = { position };
  }
}

export class RecordTooLarge extends LogError {
  override readonly name = "RecordTooLarge";
  readonly code = "record_too_large";
  readonly details: { size: number; limit: number; unit: "bytes" | "events" };

  constructor(size: number, limit: number, unit: "bytes" | "events") {
    super(`a record takes at most ${limit} ${unit}, this one has ${size}`);
    this.details = { size, limit, unit };
  }
}

export class LogClosed extends LogError {
  override readonly name = "LogClosed";
  readonly code = "log_closed";
  readonly details = {};

  constructor() {
    super("the log is closed");
  }
}

export class LogReadOnly extends LogError {
  override readonly name = "LogReadOnly";
  readonly code = "log_read_only";
  readonly details = {};

  constructor() {
    super("the log is open for reading only");
  }
}

/** The engine broke. Whether the last record landed is known only after opening the log anew. */
export class LogFailed extends LogError {
  override readonly name = "LogFailed";
  readonly code = "log_failed";
  readonly details = {};

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

export class LogMissing extends LogError {
  override readonly name = "LogMissing";
  readonly code = "log_missing";
  readonly details: { dir: string };

  constructor(dir: string) {
    super(`there is no log in ${dir}`);
    this.details = { dir };
  }
}

/** A record is not what was written, or the file is no log at all. */
export class LogCorrupt extends LogError {
  override readonly name = "LogCorrupt";
  readonly code = "log_corrupt";
  /** 0 when the file as a whole is damaged. */
  readonly details: { position: number };

  constructor(position: number, what: string) {
    super(position === 0 ? what : `record ${position} is damaged: ${what}`);
    this.details = { position };
  }
}

/** Written by a newer version: reading on would mean to skip what it cannot know. */
export class LogNewer extends LogError {
  override readonly name = "LogNewer";
  readonly code = "log_newer";
  readonly details: { position: number };

  constructor(position: number, what: string) {
    super(`record ${position} was written by a newer version: ${what}`);
    this.details = { position };
  }
}

export class LogForeign extends LogError {
  override readonly name = "LogForeign";
  readonly code = "log_foreign";
  readonly details: { position: number; expected: string; found: string };

  constructor(position: number, expected: string, found: string) {
    super(`record ${position} belongs to cluster ${found}, not to ${expected}`);
    this.details = { position, expected, found };
  }
}

/** The records asked for are forgotten: start from a snapshot. */
export class LogTruncated extends LogError {
  override readonly name = "LogTruncated";
  readonly code = "log_truncated";
  readonly details: { from: number; first: number };

  constructor(from: number, first: number) {
    super(`record ${from} is forgotten, the oldest one kept is ${first}`);
    this.details = { from, first };
  }
}

/** The log ends before what its reader or writer has already seen of it: an old copy was put back. */
export class LogRewound extends LogError {
  override readonly name = "LogRewound";
  readonly code = "log_rewound";
  readonly details: { seen: number; tip: number };

  constructor(seen: number, tip: number) {
    super(`the log ends at ${tip}, but ${seen} was seen before: it is an older copy, or not the same log`);
    this.details = { seen, tip };
  }
}

export class LogInUse extends LogError {
  override readonly name = "LogInUse";
  readonly code = "log_in_use";
  readonly details: { pid: number; coordinator_id: string; since: number };

  constructor(owner: { pid: number; coordinator_id: string; since: number }) {
    const { pid, coordinator_id, since } = owner;
    super(`process ${pid} (${coordinator_id}) has been using the log since ${new Date(since).toISOString()}`);
    this.details = { pid, coordinator_id, since };
  }
}
