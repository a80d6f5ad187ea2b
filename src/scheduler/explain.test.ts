import { describe, expect, it } from "vitest";
import { createScheduler } from "./index.ts";
import { gpu, NOW, task, Yard } from "./testing/yard.ts";

const explained = (yard: Yard, id = "t") => {
  const explanation = createScheduler().explain(yard.view, id);
  if (explanation === null) throw new Error(`no explanation of ${id}`);
  return explanation;
};
const summary = (yard: Yard, id = "t") => explained(yard, id).summary;
const verdicts = (yard: Yard, id = "t") =>
  Object.fromEntries(explained(yard, id).workers.map(({ worker_id, verdict }) => [worker_id, verdict]));
const cuda = task("t", {
  requirements: { hardware: ["cuda"] },
  resources: { cpu_milli: 0, memory_mb: 0, gpu: 1 },
});

describe("why a task waits", () => {
  it("is null for a task that nobody knows", () => {
    expect(createScheduler().explain(new Yard().view, "t")).toBeNull();
  });

  it("says that there is no worker", () => {
    expect(summary(new Yard().submit(task("t")))).toBe("no worker is registered");
  });

  it("says what no worker has, and which one is nearest", () => {
    const yard = new Yard()
      .worker("w1", { capabilities: { os: "darwin" } })
      .worker("w2")
      .submit(task("t", { requirements: { hardware: ["cuda"], os: ["linux"] } }));
    expect(verdicts(yard)).toEqual({ w1: "does_not_fit", w2: "does_not_fit" });
    expect(summary(yard)).toBe("blocked: needs hardware cuda; nearest: w2 (has cpu)");
  });

  it("says when each worker misses something else", () => {
    const yard = new Yard()
      .worker("w1", { capabilities: { os: "darwin" } })
      .worker("w2", { capabilities: { arch: "arm64" } })
      .submit(task("t", { requirements: { os: ["linux"], arch: ["x64"] } }));
    expect(summary(yard)).toBe(
      "blocked: no worker meets all requirements; nearest: w1 (misses os linux, has darwin)",
    );
  });

  it("names every requirement that a worker misses, with what it has", () => {
    expect(explained(new Yard().worker("w1").submit(cuda)).workers).toEqual([
      {
        worker_id: "w1",
        verdict: "does_not_fit",
        reasons: [
          { requirement: "hardware", asked: "cuda", has: "cpu" },
          { requirement: "gpu", asked: "1 GPU", has: "no GPU" },
        ],
      },
    ]);
  });

  it("counts the workers that fit and are full", () => {
    const yard = new Yard().worker("w1", { slots: 1 }).worker("w2", { slots: 1 });
    yard.submit(task("a"), task("b"), task("t"));
    yard.assign("a", "w1");
    expect(summary(yard)).toBe("can start now: 1 worker fits and has room");
    yard.assign("b", "w2");
    expect(verdicts(yard)).toEqual({ w1: "busy", w2: "busy" });
    expect(summary(yard)).toBe("waits for a slot: 2 workers fit, all slots taken");
  });

  it("names what is used up where slots are free", () => {
    const yard = new Yard().worker("w1", { slots: 5, capabilities: { gpus: [gpu(0)], hardware: ["cuda"] } });
    yard.submit({ ...cuda, task_id: "first" }, cuda);
    yard.assign("first", "w1");
    expect(summary(yard)).toBe(
      "waits for room: 1 worker fits; nearest: w1 (misses gpu 1 fitting GPU free, has 0 of any kind free)",
    );
  });

  it("names who is away, and why", () => {
    const yard = new Yard()
      .worker("w1")
      .worker("w2", { seen: { suspect: true } })
      .worker("w3", { seen: "never" })
      .worker("w4");
    yard.do({ type: "cordon_worker", worker_id: "w1", by: "operator", reason: "hot" });
    yard.do({ type: "lose_worker", worker_id: "w4", incarnation: "w4/1", reason: "silent" });
    yard.submit(task("t"));
    expect(new Set(Object.values(verdicts(yard)))).toEqual(new Set(["not_available"]));
    expect(explained(yard).workers.map(({ reasons }) => reasons[0]?.has)).toEqual([
      "cordoned: hot",
      "suspect: it has been silent for too long",
      "not connected",
      "lost: silent",
    ]);
    expect(summary(yard)).toMatch(
      /^waits for a worker: 4 workers fit, none available \(w1 is cordoned: hot; /,
    );
  });

  it("names the holder of the concurrency key, and the exclusive task in the way", () => {
    const requirements = { concurrency_key: "db" };
    const yard = new Yard()
      .worker("w1")
      .worker("w2")
      .submit(task("a", { requirements }), task("t", { requirements }));
    yard.assign("a", "w1");
    expect(summary(yard)).toBe("waits for the concurrency key db, held by a");
    yard.submit(task("quiet", { requirements: { exclusive: true } }), task("u"));
    yard.assign("quiet", "w2");
    expect(verdicts(yard, "u")).toEqual({ w1: "fits", w2: "busy" });
    expect(verdicts(yard)).toEqual({ w1: "busy", w2: "busy" });
  });

  it("names the dependencies that are open, and not those that succeeded", () => {
    const yard = new Yard()
      .worker("w1")
      .submit(task("a"), task("b"), task("t", { dependencies: ["a", "b"] }));
    yard.assign("a", "w1");
    expect(summary(yard)).toBe("waits for dependencies: name of a (a, assigned), name of b (b, queued)");
    yard.finish("a", "w1", "passed");
    expect(summary(yard)).toBe("waits for dependencies: name of b (b, queued)");
  });

  it("names the time of the next attempt", () => {
    const yard = new Yard().worker("w1").submit(task("t", { max_retries: 1, retry_delay_ms: 4_500 }));
    yard.assign("t", "w1");
    yard.finish("t", "w1", "failed");
    expect(summary(yard)).toBe("waits for its next attempt, due in 5 s");
    expect(createScheduler().explain({ ...yard.view, now: NOW + 9_000 }, "t")?.summary).toMatch(/due now$/);
  });

  it("tells of tasks that wait no more", () => {
    const yard = new Yard().worker("w1").submit(task("t"), task("u", { dependencies: ["t"] }));
    yard.assign("t", "w1");
    expect(explained(yard)).toEqual({
      task_id: "t",
      state: "assigned",
      summary: "assigned to w1 as attempt 1, not started yet",
      workers: [],
    });
    yard.finish("t", "w1", "failed");
    expect([summary(yard), summary(yard, "u")]).toEqual([
      "ended as failed",
      "ended as skipped: dependency t ended as failed",
    ]);
  });
});
