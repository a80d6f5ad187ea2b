import { describe, expect, it } from "vitest";
import type { Event } from "./event.ts";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const yard = [a.claim, a.openRun, a.register("w1"), a.register("w2")];

describe("the states of a task", () => {
  it("goes from queued over assigned and running to completed", () => {
    const case_ = given(yard, a.submit([a.task("t")])).expectStates({ t: "queued" });
    case_.and(a.assign("t")).expectStates({ t: "assigned" });
    case_.and(a.start("t")).expectStates({ t: "running" });
    case_
      .when(a.finish("t", "passed"))
      .then({
        type: "AttemptFinished",
        task_id: "t",
        run_id: "run",
        next: { state: "completed", reason: null },
      })
      .thenAnswers({ kind: "result", verdict: "accepted" })
      .expectStates({ t: "completed" });
  });

  it.each([
    ["failed", "failed"],
    ["timed_out", "timed_out"],
  ] as const)("ends as %s without retries left", (outcome, state) => {
    given(yard, a.submit([a.task("t")]), a.run("t", outcome)).expectStates({ t: state });
  });

  it("counts the states of a run, and keeps the count when tasks are forgotten", () => {
    const case_ = given(yard, a.submit([a.task("t"), a.task("u")]), a.run("t", "passed"));
    const counts = () => case_.state.runs.get("run")?.counts;
    expect(counts()).toMatchObject({ completed: 1, queued: 1 });
    case_.and(a.forget("t"));
    expect(counts()).toMatchObject({ completed: 1, queued: 1 });
    expect(case_.state.runs.get("run")).toMatchObject({ total: 2, remembered: 1 });
  });

  it("may finish without having said that it started", () => {
    given(yard, a.submit([a.task("t")]), a.assign("t"), a.finish("t", "passed")).expectStates({
      t: "completed",
    });
  });

  it("is told once that it started, however often the worker says it", () => {
    given(yard, a.submit([a.task("t")]), a.assign("t"), a.start("t"))
      .when(a.start("t"))
      .then();
  });

  it("is assigned only while it is queued, and only to a worker that is there", () => {
    const case_ = given(yard, a.submit([a.task("t"), a.task("u")]), a.assign("t"));
    case_.when(a.assign("t")).thenRejected("task_not_queued");
    case_.when(a.assign("nobody")).thenRejected("task_unknown");
    case_.when(a.assign("u", "nobody")).thenRejected("worker_unknown");
  });

  it("is identified by numbered attempts that each name slot, worker and incarnation", () => {
    given(yard, a.submit([a.task("t", { max_retries: 1 })]), a.run("t", "failed"))
      .when(a.assign("t", "w2"))
      .then({
        type: "AttemptAssigned",
        lease: { attempt: 2, worker_id: "w2", incarnation: "w2/1", slot: 0, gpus: [], assigned_at: 1_000 },
      });
  });
});

describe("dependencies", () => {
  const chain = a.submit([
    a.task("a"),
    a.task("b", { dependencies: ["a"] }),
    a.task("c", { dependencies: ["b"] }),
  ]);

  it("hold a task back until all of them succeeded", () => {
    const both = a.submit([a.task("a"), a.task("b"), a.task("c", { dependencies: ["a", "b"] })]);
    given(yard, both)
      .expectStates({ c: "pending" })
      .and(a.run("a", "passed"))
      .expectStates({ c: "pending" })
      .and(a.run("b", "passed"))
      .expectStates({ c: "queued" });
  });

  it("that are named twice count once", () => {
    given(
      yard,
      a.submit([a.task("a"), a.task("b", { dependencies: ["a", "a"] })]),
      a.run("a", "passed"),
    ).expectStates({
      b: "queued",
    });
  });

  it("are not met by an assignment", () => {
    given(yard, chain).when(a.assign("b")).thenRejected("task_not_queued");
  });

  it.each(["failed", "timed_out"] as const)(
    "that end as %s skip what depends on them, near and far",
    (outcome) => {
      const case_ = given(yard, chain, a.assign("a"), a.start("a"));
      case_
        .when(a.finish("a", outcome))
        .then(
          { type: "AttemptFinished", task_id: "a" },
          { type: "TaskSkipped", task_id: "b", because: { task_id: "a", state: outcome } },
          { type: "TaskSkipped", task_id: "c", because: { task_id: "b", state: "skipped" } },
        );
      expect(case_.task("b").status).toMatchObject({
        state: "skipped",
        reason: `dependency a ended as ${outcome}`,
      });
    },
  );

  it("that are cancelled skip what depends on them", () => {
    given(yard, chain, a.cancel("a")).expectStates({ a: "cancelled", b: "skipped", c: "skipped" });
  });

  it("skip a common dependant once", () => {
    const diamond = a.submit([
      a.task("top"),
      a.task("left", { dependencies: ["top"] }),
      a.task("right", { dependencies: ["top"] }),
      a.task("bottom", { dependencies: ["left", "right"] }),
    ]);
    const { events } = given(yard, diamond).when(a.cancel("top"));
    expect(events.flatMap((event) => ("task_id" in event ? [event.task_id] : []))).toEqual([
      "top",
      "left",
      "right",
      "bottom",
    ]);
  });

  it("on a poisoned task keep waiting, and go on when it is released and succeeds", () => {
    const poisoned = given(yard, chain, a.assign("a"), a.start("a"), a.lose("w1"), a.assign("a", "w2"))
      .and(a.start("a", { attempt: 2, worker: "w2" }), a.lose("w2"))
      .expectStates({ a: "poisoned", b: "pending", c: "pending" });
    poisoned
      .and(a.release("a"), a.register("w1", { incarnation: "w1/2" }), a.assign("a"))
      .and(a.finish("a", "passed", { attempt: 3, incarnation: "w1/2" }))
      .expectStates({ a: "completed", b: "queued", c: "pending" });
  });

  it("that ended long ago are resolved by what the command says of them", () => {
    const task = a.task("t", { dependencies: ["old"] });
    given(yard, a.submit([task], { resolved: a.resolved("old", "completed") })).expectStates({ t: "queued" });
    given(yard, a.submit([task], { resolved: a.resolved("old", "failed") })).expectStates({ t: "skipped" });
  });

  it("that failed before the submission skip it from the start, with what depends on it", () => {
    const late = a.submit([a.task("t", { dependencies: ["a"] }), a.task("u", { dependencies: ["t"] })]);
    given(yard, a.submit([a.task("a")]), a.run("a", "failed"), late).expectStates({
      t: "skipped",
      u: "skipped",
    });
  });

  it("skip what still waits when the leader died between the records of one decision", () => {
    const half = (events: Event[], ...kept: Event["type"][]) =>
      events.filter(({ type }) => kept.includes(type));
    const ended = given(yard, chain, a.assign("a")).when(a.finish("a", "failed")).events;
    given(yard, chain, a.assign("a"), half(ended, "AttemptFinished"))
      .when(a.claim)
      .then(
        { type: "LeaderClaimed" },
        { type: "TaskSkipped", task_id: "b" },
        { type: "TaskSkipped", task_id: "c" },
      )
      .expectStates({ a: "failed", b: "skipped", c: "skipped" });

    const failed = given(yard, a.submit([a.task("x")]), a.run("x", "failed"));
    const late = a.submit([a.task("y", { dependencies: ["x"] }), a.task("z", { dependencies: ["y", "x"] })]);
    const submitted = given(yard, a.submit([a.task("x")]), a.run("x", "failed")).when(late).events;
    failed.and(half(submitted, "SubmissionOpened", "TasksAdded", "SubmissionSealed"), a.claim).expectStates({
      y: "skipped",
      z: "skipped",
    });
    failed.when(a.claim).then({ type: "LeaderClaimed" });
  });

  it("are refused when unknown, pointing at a task of the submission", () => {
    given(yard)
      .when(a.submit([a.task("t", { dependencies: ["nobody"] })]))
      .thenRejected("dependency_unknown", { task_id: "t", dependency: "nobody" });
  });

  it("are refused when a task names itself", () => {
    given(yard)
      .when(a.submit([a.task("t", { dependencies: ["t"] })]))
      .thenRejected("dependency_self");
  });

  it("are refused when they go in a circle", () => {
    const circle = [
      a.task("a", { dependencies: ["c"] }),
      a.task("b", { dependencies: ["a"] }),
      a.task("c", { dependencies: ["b"] }),
    ];
    const case_ = given(yard).when(a.submit([a.task("free"), ...circle]));
    case_.thenRejected("dependency_cycle");
    expect(case_.state.tasks.size).toBe(0);
  });
});

describe("retries", () => {
  it("counts failed and timed-out attempts alike", () => {
    given(yard, a.submit([a.task("t", { max_retries: 2 })]))
      .and(a.run("t", "failed"), a.run("t", "timed_out", { attempt: 2 }))
      .expectStates({ t: "queued" })
      .and(a.run("t", "failed", { attempt: 3 }))
      .expectStates({ t: "failed" });
  });

  it("waits for its delay, and not a millisecond longer", () => {
    const case_ = given(
      yard,
      a.submit([a.task("t", { max_retries: 1, retry_delay_ms: 500 })]),
      a.run("t", "failed"),
    );
    expect(case_.task("t").status).toEqual({ state: "pending", waits_for: "retry", retry_at: 1_500 });
    case_.and(499).when(a.tick).then();
    case_
      .and(1)
      .when(a.tick)
      .then({ type: "RetriesDue", task_ids: ["t"] });
    case_.expectStates({ t: "queued" });
    case_.when(a.tick).then();
  });

  it("finds the next of several delays", () => {
    const tasks = [100, 300, 200].map((retry_delay_ms, i) =>
      a.task(`t${i}`, { max_retries: 1, retry_delay_ms }),
    );
    const case_ = given(
      yard,
      a.submit(tasks),
      ["t0", "t1", "t2"].flatMap((id) => a.run(id, "failed")),
    );
    case_
      .and(100)
      .when(a.tick)
      .then({ type: "RetriesDue", task_ids: ["t0"] });
    expect(case_.state.nextRetryAt).toBe(1_200);
    case_
      .and(200)
      .when(a.tick)
      .then({ type: "RetriesDue", task_ids: ["t1", "t2"] });
    expect(case_.state.nextRetryAt).toBe(Infinity);
  });

  it("survives three losses to infrastructure, whatever its own retries, and fails at the fourth", () => {
    const lost = (attempt: number) => [...a.run("t", "infrastructure", { attempt })];
    given(yard, a.submit([a.task("t")]))
      .and(lost(1), lost(2), lost(3))
      .expectStates({ t: "queued" })
      .and(lost(4))
      .expectStates({ t: "failed" });
  });

  it("takes nothing from the retries when infrastructure is lost", () => {
    const case_ = given(yard, a.submit([a.task("t", { max_retries: 1 })]), a.run("t", "infrastructure"));
    expect(case_.task("t")).toMatchObject({ retriesUsed: 0, infrastructureLosses: 1 });
    case_.and(a.run("t", "failed", { attempt: 2 })).expectStates({ t: "queued" });
  });

  it("counts an attempt that the worker ended of its own accord as a loss to infrastructure", () => {
    const case_ = given(yard, a.submit([a.task("t")]), a.run("t", "cancelled")).expectStates({ t: "queued" });
    expect(case_.task("t")).toMatchObject({ retriesUsed: 0, infrastructureLosses: 1 });
  });
});

describe("cancel", () => {
  it("ends a queued task, and takes it out of its queue", () => {
    const case_ = given(yard, a.submit([a.task("t")]))
      .when(a.cancel("t"))
      .then({ type: "TaskCancelled", lease: null });
    expect(case_.state.queuedCount).toBe(0);
  });

  it("ends a task that waits for a retry", () => {
    given(
      yard,
      a.submit([a.task("t", { max_retries: 1, retry_delay_ms: 9 })]),
      a.run("t", "failed"),
      a.cancel("t"),
      10,
    )
      .when(a.tick)
      .then();
  });

  it("ends a running task at once, while its slot stays taken until the worker lets go", () => {
    const case_ = given(yard, a.submit([a.task("t")]), a.assign("t"), a.start("t"), a.cancel("t"));
    case_.expectStates({ t: "cancelled" });
    expect(case_.worker("w1").freeSlots).toHaveLength(1);
    case_.when(a.finish("t", "cancelled")).then({ type: "AttemptReleased", task_id: "t", worker_id: "w1" });
    expect(case_.worker("w1").freeSlots).toHaveLength(2);
  });

  it("loses no evidence when the attempt had finished meanwhile", () => {
    given(yard, a.submit([a.task("t")]), a.assign("t"), a.cancel("t"))
      .when(a.finish("t", "passed"))
      .then({ type: "AttemptReleased" }, { type: "ResultRefused", outcome: "passed", code: "stale_attempt" })
      .thenAnswers({ verdict: "stale_attempt" })
      .expectStates({ t: "cancelled" });
  });

  it("is refused for a task that has ended or is unknown", () => {
    const case_ = given(yard, a.submit([a.task("t")]), a.run("t", "passed"));
    case_.when(a.cancel("t")).thenRejected("task_ended", { state: "completed" });
    case_.when(a.cancel("nobody")).thenRejected("task_unknown");
  });
});

describe("poison", () => {
  const once = [a.submit([a.task("t", { max_retries: 5 })]), a.assign("t"), a.start("t"), a.lose("w1")];

  it("is found when running attempts took down two different workers", () => {
    const reason = "its attempts were running when w1 and w2 were lost";
    given(yard, once, a.assign("t", "w2"), a.start("t", { attempt: 2, worker: "w2" }))
      .when(a.lose("w2"))
      .then({ type: "AttemptLost", next: { state: "poisoned", reason } }, { type: "WorkerLost" });
  });

  it("is not found when the second attempt had not started", () => {
    given(yard, once, a.assign("t", "w2"), a.lose("w2")).expectStates({ t: "queued" });
  });

  it("leaves by release, with a clean slate, or by cancel", () => {
    const poisoned = () =>
      given(yard, once, a.assign("t", "w2"), a.start("t", { attempt: 2, worker: "w2" }), a.lose("w2"));
    const released = poisoned().and(a.release("t")).expectStates({ t: "queued" });
    expect(released.task("t")).toMatchObject({ tookDown: [], infrastructureLosses: 0 });
    poisoned().and(a.cancel("t")).expectStates({ t: "cancelled" });
    given(yard, a.submit([a.task("t")]))
      .when(a.release("t"))
      .thenRejected("task_not_poisoned");
  });
});

describe("forgetting", () => {
  it("takes only what has ended, whatever is proposed", () => {
    given(yard, a.submit([a.task("t"), a.task("u")]), a.run("t", "passed"))
      .when(a.forget("t", "u", "nobody"))
      .then({ type: "TasksForgotten", task_ids: ["t"] });
  });

  it("takes a task once, however often it is proposed", () => {
    given(yard, a.submit([a.task("t")]), a.run("t", "passed"))
      .when(a.forget("t", "t"))
      .then({ type: "TasksForgotten", task_ids: ["t"] });
  });

  it("waits for a cancelled task's attempt to let go of its slot", () => {
    given(yard, a.submit([a.task("t")]), a.assign("t"), a.cancel("t"))
      .when(a.forget("t"))
      .then()
      .and(a.finish("t", "cancelled"))
      .when(a.forget("t"))
      .then({ type: "TasksForgotten" });
  });

  it("leaves nothing of a task behind but the counts of its run", () => {
    const { state } = given(yard, a.submit([a.task("t"), a.task("u", { dependencies: ["t"] })])).and(
      a.run("t", "failed"),
      a.forget("t", "u"),
    );
    expect([state.tasks.size, state.classes.size, state.ended.size, state.retrying.size]).toEqual([
      0, 0, 0, 0,
    ]);
  });
});
