import { describe, expect, it } from "vitest";
import { react, resume } from "./react.ts";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const yard = given(
  a.claim,
  a.openRun,
  a.register("w1", { slots: 4 }),
  a.submit([a.task("t"), a.task("u"), a.task("v")]),
);

describe("what leaves the process", () => {
  it("is the assignment, with the whole task, to the worker that holds the lease", () => {
    const { events, state } = yard.when(a.assign("t"));
    const task = a.task("t");
    expect(events.flatMap((event) => react(event, state))).toEqual([
      {
        kind: "send_assign",
        worker_id: "w1",
        spec: task,
        lease: expect.objectContaining({ attempt: 1, slot: 0 }),
      },
    ]);
  });

  it("is the cancel of an attempt that is out, and nothing for a task that only waits", () => {
    const out = yard.when(a.cancel("t"));
    expect(out.events.flatMap((event) => react(event, out.state))).toEqual([
      { kind: "send_cancel", worker_id: "w1", task_id: "t", attempt: 1, reason: "asked" },
    ]);
    const waiting = yard.when(a.cancel("u"));
    expect(waiting.events.flatMap((event) => react(event, waiting.state))).toEqual([]);
  });

  it("is the end of a lost worker's connection", () => {
    const { events, state } = given(a.register("w1")).when(a.lose("w1"));
    expect(events.flatMap((event) => react(event, state))).toEqual([
      { kind: "close_worker", worker_id: "w1", incarnation: "w1/1", reason: "silent" },
    ]);
  });
});

describe("what a worker that comes back is told", () => {
  it("is what it lacks, and what it should no longer run", () => {
    const { state } = given(a.claim, a.openRun, a.register("w1", { slots: 4 }))
      .and(a.submit([a.task("new"), a.task("kept"), a.task("cancelled")]))
      .and(a.assign("new"), a.assign("kept"), a.start("kept"), a.assign("cancelled"), a.cancel("cancelled"));
    const effects = resume(state, "w1", [a.held("kept"), a.held("cancelled"), a.held("stranger", 7)]);
    expect(effects).toMatchObject([
      { kind: "send_assign", spec: { task_id: "new" } },
      { kind: "send_cancel", task_id: "cancelled", attempt: 1 },
      { kind: "send_cancel", task_id: "stranger", attempt: 7 },
    ]);
  });

  it("is nothing for a worker that nobody knows", () => {
    expect(resume(yard.state, "nobody", [a.held("t")])).toEqual([]);
  });
});
