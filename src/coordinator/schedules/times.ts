/** When a schedule's times are: five fields or a nickname, in a time zone, with its summer time. */
import { Cron } from "croner";

export interface Times {
  /** The first moment after this one; null when none comes. */
  next(after: number): number | null;
  /** The last moment that is not after this one. */
  newest(at: number): number | null;
}

/** @returns what is wrong, as a text, when the times cannot be read */
export function readTimes(cron: string, timezone: string): Times | string {
  try {
    // A format for the zone alone: its own error says nothing of the expression.
    new Intl.DateTimeFormat("en", { timeZone: timezone });
  } catch {
    return `"${timezone}" is no time zone; write one such as Europe/Berlin or UTC`;
  }
  // The library takes a date as well, which comes once or has been.
  if (/\d-\d+-\d+T/.test(cron)) {
    return `"${cron}" is no schedule: it is a date (minute hour day month weekday, or @daily and the like)`;
  }
  try {
    const job = new Cron(cron, { mode: "5-part", timezone, paused: true });
    if (job.nextRun(new Date(0)) === null) return `"${cron}" names a time that never comes`;
    return timesOf(job);
  } catch (error) {
    const what = (error as Error).message.replace(/^Cron\w+: /, "");
    return `"${cron}" is no schedule: ${what} (minute hour day month weekday, or @daily and the like)`;
  }
}

function timesOf(job: Cron): Times {
  return {
    next: (after) => job.nextRun(new Date(after))?.getTime() ?? null,
    newest(at) {
      const found = job.previousRuns(2, new Date(at + 1_000)).map((date) => date.getTime());
      return found.find((time) => time <= at) ?? null;
    },
  };
}
