/**
 * Tasks as they were submitted, after memory has forgotten them.
 *
 * The results leave out environments, for these hold secrets, so the log is asked. Ids tell when they were
 * made and records when they were written, both in order: the place is found by halving, and from there on
 * the log is read to the time at which the results say that the last of the tasks was taken in.
 */
import type { TaskSpec } from "../../core/index.ts";
import { ulidTime } from "../../core/index.ts";
import { decodeRecord, type EventLog, type LogRecord } from "../../log/index.ts";

export interface Wanted {
  task_id: string;
  /** Milliseconds since 1970, by the log. */
  submitted_at: number;
}

/** A record's time is that of its first event, and its last may have come while the disk was slow. */
const SLACK_MS = 10_000;

/** Those that the log still holds. */
export async function findSpecs(log: EventLog, wanted: readonly Wanted[]): Promise<Map<string, TaskSpec>> {
  const missing = new Set(wanted.map(({ task_id }) => task_id));
  const found = new Map<string, TaskSpec>();
  if (missing.size === 0) return found;
  const from = Math.min(...wanted.map(({ task_id }) => ulidTime(task_id))) - SLACK_MS;
  const until = Math.max(...wanted.map(({ submitted_at }) => submitted_at));
  for await (const record of recordsFrom(log, from)) {
    if (record.at > until) break;
    for (const event of record.events) {
      if (event.type !== "TasksAdded") continue;
      for (const spec of event.tasks) if (missing.delete(spec.task_id)) found.set(spec.task_id, spec);
    }
    if (missing.size === 0) break;
  }
  return found;
}

async function* recordsFrom(log: EventLog, at: number): AsyncGenerator<LogRecord> {
  let low = await log.first();
  let high = (await log.tip()).position + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const time = await timeAt(log, middle);
    if (time === null || time < at) low = middle + 1;
    else high = middle;
  }
  for await (const stored of log.read(low)) yield decodeRecord(stored);
}

/** null: forgotten since we asked for the first one. */
async function timeAt(log: EventLog, position: number): Promise<number | null> {
  try {
    for await (const stored of log.read(position)) return decodeRecord(stored).at;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "log_truncated")) throw error;
  }
  return null;
}
