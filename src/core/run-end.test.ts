import { describe, expect, it } from "vitest";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";
import { noEnds, verdictOf } from "./run.ts";
import { currentEnd } from "./run-end.ts";
import { activeLease } from "./state.ts";

const yard = [a.claim, a.openRun, a.register("w1")];
const two = a.submit([a.task("t1"), a.task("t2")]);
const runEnded = { type: "RunEnded", run_id: "run" } as const;

describe("the end of a run", () => {
  it("is decided with the end of its last task, and not before", () => {
    given(yard, two, a.run("t1", "passed"), a.assign("t2"), a.start("t2"))
      .when(a.finish("t2", "failed"))
      .then(
        { type: "AttemptFinished" },
        {
          ...runEnded,
          ended: 1,
          total: 2,
          counts: { completed: 1, failed: 1, timed_out: 0, cancelled: 0, skipped: 0 },
          verdict: "failed",
        },
      );
    const { events } = given(yard, two, a.assign("t1"), a.start("t1")).when(a.finish("t1", "passed"));
    expect(events.map(({ type }) => type)).toEqual(["AttemptFinished"]);
  });

  it("does not come while a retry is due or a poisoned task waits", () => {
    const retried = a.submit([a.task("t1", { max_retries: 1 })]);
    const { events } = given(yard, retried, a.assign("t1"), a.start("t1")).when(a.finish("t1", "failed"));
    expect(events.map(({ type }) => type)).toEqual(["AttemptFinished"]);
  });

  it("comes again, numbered, when the run got more tasks", () => {
    given(yard, two, a.run("t1", "passed"), a.run("t2", "passed"))
      .and(a.submit([a.task("t3")]), a.assign("t3"), a.start("t3"))
      .when(a.finish("t3", "passed"))
      .then({ type: "AttemptFinished" }, { ...runEnded, ended: 2, total: 3, verdict: "passed" });
  });

  it("comes with a submission of which nothing can run", () => {
    const doomed = a.submit([a.task("t2", { dependencies: ["gone"] })], {
      resolved: a.resolved("gone", "failed"),
    });
    given(yard)
      .when(doomed)
      .then(
        { type: "SubmissionOpened" },
        { type: "TasksAdded" },
        { type: "SubmissionSealed" },
        { type: "TaskSkipped" },
        { ...runEnded, total: 1, verdict: "failed" },
      );
  });

  it("is made up for by the next leader when the former died before it", () => {
    const before = given(yard, two, a.run("t1", "passed"), a.assign("t2"), a.start("t2"));
    const lease = activeLease(before.task("t2"));
    if (lease === null) throw new Error("t2 is out");
    const last = { task_id: "t2", run_id: "run", lease, result: a.result("passed") };
    const next = { state: "completed", reason: null } as const;
    before
      .and({ type: "AttemptFinished", v: 1, ...last, next })
      .when(a.claim)
      .then({ type: "LeaderClaimed" }, { ...runEnded, total: 2, verdict: "passed" });
  });

  it("stands until the run has more tasks than it counted", () => {
    const end = () => {
      const run = ended.state.runs.get("run");
      return run === undefined ? null : currentEnd(ended.state, run);
    };
    const ended = given(yard, two, a.run("t1", "passed"), a.run("t2", "passed"));
    expect(end()).toMatchObject({ ended: 1, verdict: "passed" });
    ended.and(a.submit([a.task("t3")]));
    expect(end()).toBeNull();
  });

  it("says failed before cancelled, and cancelled before what followed from it", () => {
    const counts = { completed: 1, failed: 0, timed_out: 0, cancelled: 0, skipped: 0 };
    expect(verdictOf(counts, noEnds())).toBe("passed");
    expect(verdictOf({ ...counts, skipped: 1 }, noEnds())).toBe("failed");
    expect(verdictOf({ ...counts, skipped: 1, cancelled: 1 }, noEnds())).toBe("cancelled");
    expect(verdictOf({ ...counts, timed_out: 1, cancelled: 1 }, noEnds())).toBe("failed");
  });

  it("is told again by a retry, which decides in place of what it repeats", () => {
    given(yard, a.submit([a.task("t")]), a.run("t", "failed"))
      .and(a.submit([a.task("u", { retry_of: "t" })]), a.assign("u"), a.start("u"))
      .when(a.finish("u", "passed"))
      .then({ type: "AttemptFinished" }, { ...runEnded, ended: 2, total: 2, verdict: "passed" });
  });
});
