import { describe, expect, it } from "vitest";
import type { FireSchedule } from "./command.ts";
import { SCHEDULE_LIMIT } from "./schedule.ts";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const yard = [a.claim, a.register("w1"), a.schedule("nightly", "skip")];
/** The yard's clock stands at 1,000 when the schedule is set. */
const fire = (due_at: number, differences: Partial<FireSchedule> = {}): FireSchedule => {
  const run_id = `run at ${due_at}`;
  const submission = a.submit([a.task(`t${due_at}`, { run_id })], { run_id });
  return { type: "fire_schedule", name: "nightly", due_at, by: "time", submission, ...differences };
};

describe("a schedule whose time has come", () => {
  it("opens a run of its own, in one decision", () => {
    given(yard, 500)
      .when(fire(1_400))
      .then(
        { type: "ScheduleFired", due_at: 1_400, run_id: "run at 1400", by: "time" },
        { type: "RunOpened", run_id: "run at 1400", name: "nightly" },
        { type: "SubmissionOpened" },
        { type: "TasksAdded" },
        { type: "SubmissionSealed" },
      )
      .expectStates({ t1400: "queued" });
  });

  it("fires each time once, and none that is before a settled one or still to come", () => {
    const fired = given(yard, 500, fire(1_400));
    for (const due_at of [1_400, 1_300, 900]) fired.when(fire(due_at)).thenRejected("schedule_not_due");
    fired.when(fire(1_501)).thenRejected("schedule_not_due");
  });

  it("skips when the run before is open, unless it may overlap", () => {
    const open = given(yard, 500, fire(1_400));
    open.when(fire(1_500)).then({ type: "ScheduleSkipped", due_at: 1_500, cause: "overlap" });
    open
      .and(a.schedule("nightly", "allow"), 100)
      .when(fire(1_600))
      .then(
        { type: "ScheduleFired" },
        { type: "RunOpened" },
        { type: "SubmissionOpened" },
        { type: "TasksAdded" },
        { type: "SubmissionSealed" },
      );
  });

  it("fires again once the run before has ended", () => {
    const ended = given(yard, 500, fire(1_400), a.cancel("t1400"), 100).when(fire(1_550));
    expect(ended.events[0]).toMatchObject({ type: "ScheduleFired", due_at: 1_550 });
  });

  it("of which nothing can run ends with its submission", () => {
    const run_id = "r";
    const tasks = [a.task("t", { run_id, dependencies: ["gone"] })];
    const submission = a.submit(tasks, { run_id, resolved: a.resolved("gone", "failed") });
    const { events } = given(yard, 500).when(fire(1_400, { submission }));
    expect(events.at(-1)).toMatchObject({ type: "RunEnded", run_id, total: 1, verdict: "failed" });
  });

  it("opens nothing when its tasks are refused", () => {
    const run_id = "r";
    const submission = a.submit([a.task("t", { run_id, dependencies: ["nobody"] })], { run_id });
    given(yard, 500).when(fire(1_400, { submission })).thenRejected("dependency_unknown");
  });
});

describe("a firing by hand", () => {
  it("asks for no due time, and leaves what is due due", () => {
    const byHand = given(yard, 500, fire(1_450, { by: "hand" }), a.cancel("t1450"));
    expect(byHand.when(fire(1_400)).events[0]).toMatchObject({ type: "ScheduleFired", by: "time" });
  });
});

describe("schedules", () => {
  it("that are set again do not fire times from before", () => {
    given(yard, 500, a.schedule("nightly", "skip")).when(fire(1_400)).thenRejected("schedule_not_due");
  });

  it("are limited in number, unknown when removed, and skipped with a reason", () => {
    const full = given(
      yard,
      Array.from({ length: SCHEDULE_LIMIT - 1 }, (_, i) => a.schedule(`s${i}`, "skip")),
    );
    full.when(a.schedule("more", "skip")).thenRejected("schedule_limit");
    full.when(a.schedule("nightly", "allow")).then({ type: "ScheduleSet" });
    const gone = given(yard, a.schedule("nightly", "remove"), 500);
    gone.when(fire(1_400)).thenRejected("schedule_unknown");
    gone.when(a.schedule("nightly", "remove")).thenRejected("schedule_unknown");
    const skip = { type: "skip_schedule", name: "nightly", cause: "missed", reason: "late" } as const;
    given(yard, 500, { ...skip, due_at: 1_400 })
      .when({ ...skip, due_at: 1_400 })
      .thenRejected("schedule_not_due");
  });
});
