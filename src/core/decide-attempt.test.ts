import { describe, expect, it } from "vitest";
import * as a from "./testing/build.ts";
import { given } from "./testing/given.ts";

const yard = [a.claim, a.openRun, a.register("w1"), a.register("w2")];
const retried = [
  a.submit([a.task("t", { max_retries: 1 })]),
  ...a.run("t", "failed"),
  a.assign("t", "w2"),
  a.start("t", { attempt: 2, worker: "w2" }),
];

describe("results", () => {
  it("that come again are answered as before and change nothing", () => {
    given(yard, a.submit([a.task("t")]), a.run("t", "passed"))
      .when(a.finish("t", "passed"))
      .then()
      .thenAnswers({ verdict: "repeated" });
  });

  it.each(["passed", "failed"] as const)(
    "of a former attempt are refused and kept as evidence: %s",
    (outcome) => {
      given(yard, retried)
        .when(a.finish("t", outcome))
        .then({ type: "ResultRefused", task_id: "t", attempt: 1, worker_id: "w1", outcome })
        .thenAnswers({ verdict: "stale_attempt" })
        .expectStates({ t: "running" });
    },
  );

  it.each([
    ["another worker", { attempt: 2, worker: "w1" }],
    ["another incarnation", { attempt: 2, worker: "w2", incarnation: "w2/0" }],
    ["an attempt that does not exist yet", { attempt: 3, worker: "w2" }],
  ])("from %s are refused", (_, which) => {
    given(yard, retried)
      .when(a.finish("t", "passed", which))
      .then({ type: "ResultRefused", code: "stale_attempt" })
      .expectStates({ t: "running" });
  });

  it("of another attempt are refused after the end as well", () => {
    given(yard, retried, a.finish("t", "passed", { attempt: 2, worker: "w2" }))
      .when(a.finish("t", "failed"))
      .then({ type: "ResultRefused", outcome: "failed" })
      .expectStates({ t: "completed" });
  });

  it("of a forgotten task are told that they are late, and nothing is written", () => {
    given(yard, a.submit([a.task("t")]), a.run("t", "passed"), a.forget("t"))
      .when(a.finish("t", "passed"))
      .then()
      .thenAnswers({ verdict: "stale_attempt" });
  });

  it("of a worker that was thought lost are refused", () => {
    given(yard, a.submit([a.task("t")]), a.assign("t"), a.start("t"), a.lose("w1"))
      .when(a.finish("t", "passed"))
      .then({ type: "ResultRefused", attempt: 1 })
      .expectStates({ t: "queued" });
  });

  it("free slot, devices, amounts and keys", () => {
    const spec = a.task("t", {
      resources: { cpu_milli: 3_000, memory_mb: 1_024, gpu: 1 },
      requirements: { exclusive: true, concurrency_key: "k" },
    });
    const worker = a.register("g", { capabilities: a.capabilities({ gpus: [a.gpu(0), a.gpu(1)] }) });
    const case_ = given(yard, worker, a.submit([spec]), a.assign("t", "g"));
    expect(case_.worker("g")).toMatchObject({
      freeCpuMilli: 5_000,
      freeMemoryMb: 15 * 1_024,
      exclusive: "t",
    });
    expect([...case_.worker("g").freeGpus]).toEqual([1]);
    case_.and(a.finish("t", "passed", { worker: "g" }));
    expect(case_.worker("g")).toMatchObject({
      freeCpuMilli: 8_000,
      freeMemoryMb: 16 * 1_024,
      exclusive: null,
    });
    expect([case_.worker("g").freeGpus.size, case_.state.concurrencyKeys.size]).toEqual([2, 0]);
  });
});

describe("starts", () => {
  it("of anything but the current attempt are refused", () => {
    const case_ = given(yard, retried);
    case_.when(a.start("t", { attempt: 1, worker: "w1" })).thenRejected("stale_attempt");
    case_.when(a.start("t", { attempt: 2, worker: "w2", incarnation: "w2/0" })).thenRejected("stale_attempt");
    case_.when(a.start("nobody")).thenRejected("stale_attempt");
  });
});
