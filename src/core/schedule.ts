/**
 * Schedules: tasks that are submitted again and again, each time as a run of its own.
 *
 * When the next time is, the edge computes: that needs time zones, which the fold must not depend on. What
 * stands here is that each time counts once. A firing names the time that is due; one that is not younger
 * than the newest settled time is refused, whoever asks, so neither a restart nor a second coordinator can
 * fire it again. A time that starts nothing is settled as well, with the reason.
 */
import { assert } from "./assert.ts";
import type { FireSchedule, RemoveSchedule, SetSchedule, SkipSchedule } from "./command.ts";
import { submit } from "./decide-submit.ts";
import { accept, reject, type Decision } from "./decision.ts";
import type { Event, Overlap, ScheduleFired, ScheduleSkipped } from "./event.ts";
import { emptyRun, openCount } from "./run.ts";
import type { State } from "./state.ts";

export interface Schedule {
  readonly name: string;
  readonly project: string;
  readonly cron: string;
  readonly timezone: string;
  readonly overlap: Overlap;
  readonly tasks: string | { blob: string };
  readonly set_at: number;
  /** Times up to here are settled. */
  readonly settled_at: number;
  readonly last: { run_id: string; due_at: number; by: ScheduleFired["by"] } | null;
  /** The newest time that started nothing, when it is newer than the last run. */
  readonly skipped: Pick<ScheduleSkipped, "due_at" | "cause" | "reason"> | null;
}

export const SCHEDULE_LIMIT = 1_000;

export function setSchedule(state: State, command: SetSchedule): Decision {
  const { type: _, ...schedule } = command;
  if (!state.schedules.has(command.name) && state.schedules.size >= SCHEDULE_LIMIT) {
    return reject("schedule_limit", `a yard has at most ${SCHEDULE_LIMIT} schedules; remove one first`);
  }
  return accept([{ type: "ScheduleSet", v: 1, ...schedule }]);
}

export function removeSchedule(state: State, { name }: RemoveSchedule): Decision {
  if (!state.schedules.has(name)) return unknown(name);
  return accept([{ type: "ScheduleRemoved", v: 1, name }]);
}

function unknown(name: string): Decision {
  return reject("schedule_unknown", `no schedule ${name}`);
}

export function fireSchedule(state: State, command: FireSchedule, now: number): Decision {
  const { name, due_at, by, submission } = command;
  const schedule = state.schedules.get(name);
  if (schedule === undefined) return unknown(name);
  const refusal = by === "time" ? notDue(schedule, due_at, now) : null;
  if (refusal !== null) return refusal;
  const former = schedule.last === null ? undefined : state.runs.get(schedule.last.run_id);
  if (by === "time" && schedule.overlap === "skip" && former !== undefined && openCount(former) > 0) {
    const reason = `its run ${former.run_id} is still open`;
    return accept([{ type: "ScheduleSkipped", v: 1, name, due_at, cause: "overlap", reason }]);
  }
  const { run_id } = submission;
  const run = { run_id, project: schedule.project, run_key: null, name };
  const runs = new Map([[run_id, emptyRun(run, now)]]);
  const decision = submit({ ...state, runs }, submission);
  if (decision.kind === "rejected") return decision;
  const fired: Event[] = [
    { type: "ScheduleFired", v: 1, name, due_at, by, run_id },
    { type: "RunOpened", v: 1, ...run },
  ];
  return accept([...fired, ...decision.events], decision.answer);
}

export function skipSchedule(state: State, command: SkipSchedule, now: number): Decision {
  const { name, due_at, cause, reason } = command;
  const schedule = state.schedules.get(name);
  if (schedule === undefined) return unknown(name);
  return (
    notDue(schedule, due_at, now) ?? accept([{ type: "ScheduleSkipped", v: 1, name, due_at, cause, reason }])
  );
}

function notDue({ name, settled_at }: Schedule, due_at: number, now: number): Decision | null {
  if (due_at > settled_at && due_at <= now) return null;
  const why = due_at > now ? "is still to come" : "has been dealt with";
  return reject("schedule_not_due", `the time ${due_at} of schedule ${name} ${why}`);
}

export function evolveSchedule(state: State, event: ScheduleEvent): void {
  if (event.type === "ScheduleRemoved") {
    state.schedules.delete(event.name);
    return;
  }
  const before = state.schedules.get(event.name);
  if (event.type === "ScheduleSet") {
    const { type: _, v: __, ...schedule } = event;
    const settled_at = Math.max(before?.settled_at ?? 0, state.at);
    const { last = null, skipped = null } = before ?? {};
    state.schedules.set(event.name, { ...schedule, set_at: state.at, settled_at, last, skipped });
    return;
  }
  assert(before !== undefined, () => `schedule ${event.name} exists when its time comes`);
  state.schedules.set(event.name, { ...before, ...outcome(before, event) });
}

export type ScheduleEvent = Extract<Event, { type: `Schedule${string}` }>;

function outcome(before: Schedule, event: ScheduleFired | ScheduleSkipped): Partial<Schedule> {
  const { due_at } = event;
  if (event.type === "ScheduleSkipped") {
    const { cause, reason } = event;
    return { settled_at: due_at, skipped: { due_at, cause, reason } };
  }
  const { run_id, by } = event;
  // A firing by hand settles no time: what is due is still due.
  const settled_at = by === "time" ? due_at : before.settled_at;
  return { settled_at, last: { run_id, due_at, by }, skipped: null };
}
