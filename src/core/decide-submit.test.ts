import { describe, expect, it } from "vitest";
import type { Event } from "./event.ts";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const yard = [a.claim, a.openRun];
const HOUR = 3_600_000;
const keyed = (id: string, body_hash = "h", key = "k") =>
  a.submit([a.task(id)], { idempotency: { key, body_hash }, submission_id: `s ${id}` });

describe("a submission", () => {
  it("is opened, filled and sealed, and its tasks queue in order", () => {
    const case_ = given(yard)
      .when(a.submit([a.task("a"), a.task("b")]))
      .then(
        { type: "SubmissionOpened", count: 2, first_task_id: "a" },
        { type: "TasksAdded", tasks: [a.task("a"), a.task("b")] },
        { type: "SubmissionSealed" },
      )
      .thenAnswers({ kind: "submitted", first_task_id: "a", count: 2, replayed: false });
    expect([...case_.state.tasks.values()].map(({ seq }) => seq)).toEqual([0, 1]);
  });

  it("that is large is cut into events of at most 64 KiB", () => {
    const tasks = Array.from({ length: 300 }, (_, i) =>
      a.task(`t${i}`, { payload: JSON.stringify({ args: "x".repeat(600) }) }),
    );
    const { events } = given(yard).when(a.submit(tasks));
    expect(events.length).toBeGreaterThan(5);
    for (const event of events) expect(JSON.stringify(event).length).toBeLessThan(64 * 1024);
    const added = events.flatMap((event) => (event.type === "TasksAdded" ? event.tasks : []));
    expect(added).toEqual(tasks);
  });

  it("needs an open run of its project", () => {
    given(a.claim)
      .when(a.submit([a.task("t")]))
      .thenRejected("run_unknown");
    given(yard)
      .when(a.submit([a.task("t")], { project: "other" }))
      .thenRejected("run_unknown");
  });

  it("with an id that exists is refused whole", () => {
    const case_ = given(yard, a.submit([a.task("t")]));
    case_.when(a.submit([a.task("new"), a.task("t")])).thenRejected("task_exists", { task_id: "t" });
    case_.when(a.submit([a.task("new"), a.task("new")])).thenRejected("task_exists");
    expect(case_.state.tasks.size).toBe(1);
  });

  it("of nothing is possible and changes nothing", () => {
    expect(given(yard, a.submit([])).state.tasks.size).toBe(0);
  });
});

describe("an unsealed submission", () => {
  const opened: Event = {
    type: "SubmissionOpened",
    v: 1,
    submission_id: "s",
    project: "default",
    run_id: "run",
    first_task_id: "t",
    count: 1,
    idempotency: { key: "k", body_hash: "h" },
  };
  const added: Event = { type: "TasksAdded", v: 1, submission_id: "s", tasks: [a.task("t")], resolved: {} };

  it("exists for nobody", () => {
    const { state } = given(yard, opened, added);
    expect([state.tasks.size, state.queuedCount, state.idempotency.size]).toEqual([0, 0, 0]);
  });

  it("ends with the leader that opened it, and may be sent again with its key", () => {
    const case_ = given(yard, opened, added, a.claim);
    expect(case_.state.submissions.size).toBe(0);
    case_.when(keyed("t")).thenAnswers({ replayed: false }).expectStates({ t: "queued" });
  });
});

describe("an idempotency key", () => {
  it("answers the same again, across a change of leader as well", () => {
    given(yard, keyed("t"), a.claim)
      .when(keyed("u"))
      .then()
      .thenAnswers({ kind: "submitted", first_task_id: "t", count: 1, run_id: "run", replayed: true });
  });

  it("is refused with another body", () => {
    given(yard, keyed("t")).when(keyed("u", "other")).thenRejected("idempotency_key_reused");
  });

  it("belongs to a project", () => {
    const elsewhere = { ...a.openRun, run_id: "r2", project: "elsewhere" };
    const again = {
      ...keyed("u", "other"),
      project: "elsewhere",
      run_id: "r2",
      tasks: [a.task("u", { run_id: "r2" })],
    };
    given(yard, keyed("t"), elsewhere).when(again).thenAnswers({ replayed: false });
  });

  it("lives a day, and is then dropped by the next submission", () => {
    const late = given(yard, keyed("t"), 24 * HOUR, keyed("u", "h", "other"));
    late.when(keyed("v")).thenAnswers({ replayed: true });
    late.and(1, keyed("x", "h", "third"));
    expect([...late.state.idempotency.keys()]).toEqual(["default/other", "default/third"]);
    late.when(keyed("v")).thenAnswers({ replayed: false });
  });
});

describe("a run", () => {
  const withKey = { ...a.openRun, run_key: "pipeline 7" };

  it("is attached to by its key, whatever the id", () => {
    given(a.claim, withKey)
      .when({ ...withKey, run_id: "another" })
      .then()
      .thenAnswers({ kind: "run", run_id: "run", attached: true });
  });

  it("is opened once", () => {
    given(yard).when(a.openRun).thenRejected("run_exists");
  });

  it("keyed alike in another project is another run", () => {
    given(a.claim, withKey)
      .when({ ...withKey, run_id: "r2", project: "elsewhere" })
      .thenAnswers({ run_id: "r2", attached: false });
  });

  it("is dropped a day after it was opened, once all its tasks have left", () => {
    const worker = a.register("w1");
    const next = (run_id: string) => ({ ...a.openRun, run_id });
    const case_ = given(a.claim, withKey, worker, a.submit([a.task("t")]), 24 * HOUR + 1, next("r2"));
    expect([...case_.state.runs.keys()]).toEqual(["run", "r2"]);
    case_.and(a.run("t", "passed"), a.forget("t"), next("r3"));
    expect([...case_.state.runs.keys()]).toEqual(["r2", "r3"]);
    expect(case_.state.runKeys.size).toBe(0);
  });
});
