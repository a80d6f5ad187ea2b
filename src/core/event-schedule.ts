/** Events about schedules: what is to run when, and what became of each time that came. */
import type { RunId } from "./ids.ts";

export type Overlap = "skip" | "allow";

/** Made, or replaced as a whole. */
export interface ScheduleSet {
  type: "ScheduleSet";
  v: 1;
  name: string;
  project: string;
  /** Five fields, or a nickname such as `@daily`. */
  cron: string;
  /** IANA name. */
  timezone: string;
  /** What happens when a time comes while the run before is still open. */
  overlap: Overlap;
  /** JSON text of a list of tasks as they are submitted, or the hash of a blob that holds it. */
  tasks: string | { blob: string };
}

export interface ScheduleRemoved {
  type: "ScheduleRemoved";
  v: 1;
  name: string;
}

/** Stands in one record with the run that it opened. */
export interface ScheduleFired {
  type: "ScheduleFired";
  v: 1;
  name: string;
  /** The moment that the schedule names; of a firing by hand the moment of the request. */
  due_at: number;
  by: "time" | "hand";
  run_id: RunId;
}

/** A time that came and started nothing. */
export interface ScheduleSkipped {
  type: "ScheduleSkipped";
  v: 1;
  name: string;
  due_at: number;
  cause: "overlap" | "missed" | "refused";
  reason: string;
}
