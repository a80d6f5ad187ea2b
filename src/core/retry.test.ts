import { describe, expect, it } from "vitest";
import { runState } from "./run.ts";
import { restoreState, saveState, type SnapshotLine } from "./snapshot.ts";
import type { Run, State } from "./state.ts";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const yard = [a.claim, a.openRun, a.register("w1")];
const failed = [...yard, a.submit([a.task("t")]), ...a.run("t", "failed")];
const retry = (id: string, of: string, more: Parameters<typeof a.submit>[1] = {}) =>
  a.submit([a.task(id, { retry_of: of })], more);
const runOf = (state: State): Run => state.runs.get("run") as Run;
const through = (state: State): State =>
  restoreState([...saveState(state)].map((line) => JSON.parse(JSON.stringify(line)) as SnapshotLine));

describe("repeating a task", () => {
  it("makes a new one, and leaves the old one as it ended", () => {
    const case_ = given(failed, retry("u", "t")).expectStates({ t: "failed", u: "queued" });
    expect(case_.task("u").spec.retry_of).toBe("t");
    expect(runOf(case_.state)).toMatchObject({ total: 2, superseded: { failed: 1 } });
  });

  it("lets the newest try decide about the run", () => {
    const { state } = given(failed);
    expect(runState(runOf(state))).toBe("failed");
    const case_ = given(failed, retry("u", "t"));
    expect(runState(runOf(case_.state))).toBe("open");
    case_.and(a.run("u", "passed"));
    expect(runState(runOf(case_.state))).toBe("passed");
  });

  it("counts a second try that fails, and a third that passes", () => {
    const case_ = given(failed, retry("u", "t"), a.run("u", "failed"));
    expect(runState(runOf(case_.state))).toBe("failed");
    case_.and(retry("v", "u"), a.run("v", "passed"));
    expect(runState(runOf(case_.state))).toBe("passed");
  });

  it("is refused while the task has not ended", () => {
    given(yard, a.submit([a.task("t")]))
      .when(retry("u", "t"))
      .thenRejected("task_open");
  });

  it("is refused a second time, in one submission too", () => {
    given(failed, retry("u", "t")).when(retry("v", "t")).thenRejected("task_retried");
    const both = a.submit([a.task("u", { retry_of: "t" }), a.task("v", { retry_of: "t" })]);
    given(failed).when(both).thenRejected("task_retried");
  });

  it("counts in its run when memory has forgotten the old one", () => {
    const case_ = given(failed, a.forget("t"));
    case_.and(retry("u", "t", { resolved: a.resolved("t", "failed") }), a.run("u", "passed"));
    expect(runOf(case_.state).superseded).toMatchObject({ failed: 1 });
    expect(runState(runOf(case_.state))).toBe("passed");
  });

  it("changes nothing of the run it was of when it goes to another", () => {
    const other = { ...a.openRun, run_id: "other" };
    const again = a.submit([a.task("u", { retry_of: "t", run_id: "other" })], { run_id: "other" });
    const case_ = given(failed, other, again);
    expect(runOf(case_.state).superseded.failed).toBe(0);
    expect(case_.state.runs.get("other")?.superseded.failed).toBe(0);
  });

  it("is remembered as long as the new task is, through a snapshot too", () => {
    const case_ = given(failed, retry("u", "t"), a.run("u", "failed"));
    expect([...through(case_.state).retries]).toEqual([["t", "u"]]);
    expect(runOf(through(case_.state)).superseded.failed).toBe(1);
    case_.and(a.forget("t", "u"));
    expect(case_.state.retries.size).toBe(0);
  });

  it("is known of a snapshot from before there were retries", () => {
    const { state } = given(failed);
    const old = [...saveState(state)].map((line) => JSON.parse(JSON.stringify(line)) as SnapshotLine);
    for (const line of old) if (line.kind === "run") delete (line.run as Partial<Run>).superseded;
    expect(runState(runOf(restoreState(old)))).toBe("failed");
  });
});

describe("the state of a run", () => {
  it("is open without tasks, and while one can still change", () => {
    expect(runState(runOf(given(yard).state))).toBe("open");
    expect(runState(runOf(given(yard, a.submit([a.task("t")])).state))).toBe("open");
  });

  it("is cancelled when nothing worse happened, with what was skipped for it", () => {
    const case_ = given(yard, a.submit([a.task("t"), a.task("u", { dependencies: ["t"] })]), a.cancel("t"));
    expect(runState(runOf(case_.state))).toBe("cancelled");
    const worse = given(failed, a.submit([a.task("v")]), a.cancel("v"));
    expect(runState(runOf(worse.state))).toBe("failed");
  });
});
