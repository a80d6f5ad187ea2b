import { describe, expect, it } from "vitest";
import { resume } from "./react.ts";
import * as a from "./testing/build.ts";
import { given, type Step } from "./testing/given.ts";

const yard: Step[] = [a.claim, a.openRun, a.register("w1"), a.register("w2")];
const two = a.submit([a.task("t"), a.task("u")]);

describe("a worker that comes back", () => {
  it("as the same incarnation goes on with what it runs", () => {
    const inventory = [a.held("t"), a.held("u")];
    given(yard, two, a.assign("t"), a.start("t"), a.assign("u"), a.start("u"))
      .when(a.register("w1", { inventory }))
      .then()
      .expectStates({ t: "running", u: "running" });
  });

  it("as the same incarnation loses the running attempts that it has forgotten", () => {
    given(yard, two, a.assign("t"), a.start("t"), a.assign("u"), a.start("u"))
      .when(a.register("w1", { inventory: [a.held("u")] }))
      .then({
        type: "AttemptLost",
        task_id: "t",
        was_running: true,
        next: { state: "retry", retry_at: 1_000 },
      })
      .expectStates({ t: "queued", u: "running" });
  });

  it("as the same incarnation is sent again what it never received", () => {
    const case_ = given(yard, two, a.assign("t"))
      .when(a.register("w1"))
      .then()
      .expectStates({ t: "assigned" });
    expect(resume(case_.state, "w1", [])).toMatchObject([{ kind: "send_assign", spec: { task_id: "t" } }]);
  });

  it("as the same incarnation frees the slots of cancelled attempts that are over", () => {
    given(yard, two, a.assign("t"), a.cancel("t"))
      .when(a.register("w1"))
      .then({ type: "AttemptReleased", task_id: "t", attempt: 1, worker_id: "w1" });
  });

  it("as a new incarnation has lost everything it held", () => {
    const case_ = given(yard, two, a.assign("t"), a.start("t"), a.assign("u"));
    case_
      .when(a.register("w1", { incarnation: "w1/2", slots: 5 }))
      .then(
        { type: "AttemptLost", task_id: "t", was_running: true },
        { type: "AttemptLost", task_id: "u", was_running: false },
        { type: "WorkerLost", incarnation: "w1/1" },
        { type: "WorkerRegistered", incarnation: "w1/2", slots: 5 },
      );
    case_.expectStates({ t: "queued", u: "queued" });
    expect(case_.worker("w1").freeSlots).toHaveLength(5);
    expect(case_.task("u").infrastructureLosses).toBe(0);
  });

  it("after it was given up is told to end what it still runs", () => {
    const case_ = given(
      yard,
      two,
      a.assign("t"),
      a.start("t"),
      a.lose("w1"),
      a.register("w1", { inventory: [a.held("t")] }),
    );
    expect(resume(case_.state, "w1", [a.held("t")])).toMatchObject([
      { kind: "send_cancel", task_id: "t", attempt: 1 },
    ]);
    case_.expectStates({ t: "queued" });
  });

  it("stays cordoned when an operator cordoned it, and not when it drained itself", () => {
    const restarted = (by: "operator" | "worker") =>
      given(yard, two, a.cordon("w1", by), a.register("w1", { incarnation: "w1/2" }));
    restarted("operator").when(a.assign("t")).thenRejected("worker_not_available");
    restarted("worker").and(a.assign("t")).expectStates({ t: "assigned" });
  });
});

describe("a lost worker", () => {
  it("gives its tasks back and takes no more", () => {
    const case_ = given(yard, two, a.assign("t"), a.lose("w1")).expectStates({ t: "queued" });
    case_.when(a.assign("t")).thenRejected("worker_not_available");
    case_.and(a.assign("t", "w2")).expectStates({ t: "assigned" });
  });

  it("is lost once, and only as the incarnation that was meant", () => {
    const case_ = given(yard);
    case_.when(a.lose("w1", "w1/0")).thenRejected("stale_incarnation");
    case_.and(a.lose("w1")).when(a.lose("w1")).thenRejected("stale_incarnation");
    case_.when(a.lose("nobody")).thenRejected("worker_unknown");
  });

  // Three losses each, on one worker, so that the next loss is the end of both.
  const worn = (incarnation: string, attempt: number): Step[] => [
    a.assign("t"),
    a.start("t", { attempt, incarnation }),
    a.assign("u"),
    a.start("u", { attempt, incarnation }),
  ];
  const common = a.submit([a.task("t"), a.task("u"), a.task("both", { dependencies: ["t", "u"] })]);
  const wornOut = [1, 2, 3].flatMap((n) => [
    ...worn(`w1/${n}`, n),
    a.register("w1", { incarnation: `w1/${n + 1}` }),
  ]);

  it("that fails two tasks skips their common dependant once", () => {
    given(yard, common, wornOut, worn("w1/4", 4), a.lose("w1", "w1/4")).expectStates({
      t: "failed",
      u: "failed",
      both: "skipped",
    });
  });

  it("that comes back having forgotten two such tasks skips their common dependant once", () => {
    given(yard, common, wornOut, worn("w1/4", 4), a.register("w1", { incarnation: "w1/4" })).expectStates({
      t: "failed",
      u: "failed",
      both: "skipped",
    });
  });
});

describe("an assignment", () => {
  const big = a.capabilities({
    gpus: [a.gpu(0, { compute: "7.5" }), a.gpu(1, { compute: "8.0" }), a.gpu(2)],
  });

  it("is refused when the slots are taken", () => {
    given(yard, a.submit([a.task("a"), a.task("b"), a.task("c")]), a.assign("a"), a.assign("b"))
      .when(a.assign("c"))
      .thenRejected("worker_not_available");
  });

  it("is refused on a cordoned worker until that is taken back", () => {
    const case_ = given(yard, two, a.cordon("w1"));
    case_.when(a.assign("t")).thenRejected("worker_not_available");
    case_.and(a.uncordon("w1"), a.assign("t")).expectStates({ t: "assigned" });
    case_.when(a.uncordon("w1")).then();
    case_.and(a.cordon("w1")).when(a.cordon("w1")).then();
  });

  it.each([
    ["cores", { cpu_milli: 5_000, memory_mb: 0, gpu: 0 }],
    ["memory", { cpu_milli: 0, memory_mb: 9 * 1_024, gpu: 0 }],
    ["devices", { cpu_milli: 0, memory_mb: 0, gpu: 2 }],
  ])("is refused when %s would be given twice", (_, resources) => {
    const worker = a.register("g", { capabilities: big });
    given(
      yard,
      worker,
      a.submit([a.task("a", { resources }), a.task("b", { resources })]),
      a.assign("a", "g"),
    )
      .when(a.assign("b", "g"))
      .thenRejected("worker_does_not_fit");
  });

  it("gives the lowest devices that fit, and never those that do not", () => {
    const worker = a.register("g", { capabilities: big });
    const spec = a.task("t", {
      requirements: { min_cuda_compute: "7.10" },
      resources: { cpu_milli: 0, memory_mb: 0, gpu: 1 },
    });
    const case_ = given(yard, worker, a.submit([spec]), a.assign("t", "g"));
    expect([...case_.worker("g").freeGpus]).toEqual([0, 2]);
    expect(case_.task("t").status).toMatchObject({ lease: { gpus: [1] } });
  });

  it("of an exclusive task waits for a quiet host, and keeps it quiet", () => {
    const quiet = a.task("q", { requirements: { exclusive: true } });
    const case_ = given(yard, a.submit([quiet, a.task("t"), a.task("u")]), a.assign("t"));
    case_.when(a.assign("q")).thenRejected("worker_does_not_fit");
    case_.and(a.assign("q", "w2")).when(a.assign("u", "w2")).thenRejected("worker_not_available");
  });

  it("respects a concurrency key in the whole yard, per project", () => {
    const requirements = { concurrency_key: "db" };
    const other = a.task("other", { requirements, project: "elsewhere" });
    const case_ = given(
      yard,
      a.submit([a.task("a", { requirements }), a.task("b", { requirements }), other]),
      a.assign("a"),
    );
    case_.when(a.assign("b", "w2")).thenRejected("worker_does_not_fit");
    case_.and(a.assign("other", "w2"), a.cancel("a"));
    case_.when(a.assign("b", "w2")).thenRejected("worker_does_not_fit");
    case_.and(a.finish("a", "cancelled"), a.assign("b", "w2")).expectStates({ b: "assigned" });
  });
});
