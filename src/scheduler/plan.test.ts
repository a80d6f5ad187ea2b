import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Task } from "../core/index.ts";
import { createScheduler } from "./index.ts";
import { randomYard } from "./testing/random-yard.ts";
import { firstPlaceable, referencePlan } from "./testing/reference.ts";
import { gpu, task, Yard } from "./testing/yard.ts";

const seed = Number(process.env["FC_SEED"] ?? Date.now() % 2 ** 31);
const workspaceOf = ({ spec: { payload } }: Task) =>
  typeof payload !== "string" || payload === "no tree" ? null : payload;
const planned = (yard: Yard, limit = 1_000) =>
  createScheduler({ workspaceOf })
    .plan(yard.view, { limit })
    .map(({ task_id, worker_id }) => `${task_id} on ${worker_id}`);
const ids = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);

describe(`any plan (FC_SEED=${seed})`, () => {
  it("is made only of assignments that hold, one after the other, on workers that are there", () => {
    fc.assert(
      fc.property(randomYard, fc.integer({ min: 0, max: 20 }), (yard, limit) => {
        const before = yard.text;
        const placements = createScheduler({ workspaceOf }).plan(yard.view, { limit });
        expect(yard.text).toBe(before);
        expect(placements.length).toBeLessThanOrEqual(limit);
        for (const { task_id, worker_id } of placements) {
          expect(yard.assign(task_id, worker_id)).toBe(true);
          expect(yard.observations.get(worker_id)).toMatchObject({ connected: true, suspect: false });
        }
      }),
      { seed, numRuns: 400 },
    );
  });

  it("leaves no task for which a worker still had room", () => {
    fc.assert(
      fc.property(randomYard, (yard) => {
        const placements = createScheduler({ workspaceOf }).plan(yard.view, { limit: 1_000 });
        for (const { task_id, worker_id } of placements) yard.assign(task_id, worker_id);
        expect(firstPlaceable(yard, workspaceOf)).toBeNull();
      }),
      { seed, numRuns: 200 },
    );
  });

  it("is the one that the slow and obvious planner makes", () => {
    fc.assert(
      fc.property(randomYard, fc.integer({ min: 1, max: 12 }), (yard, limit) => {
        const plan = createScheduler({ workspaceOf }).plan(yard.view, { limit });
        expect(plan).toEqual(referencePlan(yard, limit, workspaceOf));
      }),
      { seed, numRuns: 200 },
    );
  });

  it("is the same from a scheduler that has planned before", () => {
    fc.assert(
      fc.property(fc.array(randomYard, { minLength: 2, maxLength: 4 }), (yards) => {
        const old = createScheduler({ workspaceOf });
        for (const { view } of yards) {
          for (const again of [view, view]) {
            expect(old.plan(again, { limit: 50 })).toEqual(
              createScheduler({ workspaceOf }).plan(again, { limit: 50 }),
            );
          }
        }
      }),
      { seed, numRuns: 50 },
    );
  });
});

describe("who runs first", () => {
  it("is the urgent, then the unknown, then the long, then the early", () => {
    const yard = new Yard()
      .worker("w", { slots: 9 })
      .submit(
        task("short", { estimate_ms: 5 }),
        task("long", { estimate_ms: 900 }),
        task("new"),
        task("urgent", { priority: 1, requirements: { os: ["linux"] }, estimate_ms: 1 }),
        task("early twin", { estimate_ms: 5 }),
      );
    expect(planned(yard)).toEqual(["urgent on w", "new on w", "long on w", "short on w", "early twin on w"]);
  });

  it("is whoever fits, when what is more urgent fits nowhere", () => {
    const nowhere = task("nowhere", { priority: 0, requirements: { hardware: ["tpu"] } });
    expect(planned(new Yard().worker("w").submit(nowhere, task("t")))).toEqual(["t on w"]);
  });

  it("is nobody without a worker, a slot or a limit", () => {
    expect(planned(new Yard().submit(task("t")))).toEqual([]);
    expect(planned(new Yard().worker("w").submit(task("t")), 0)).toEqual([]);
    expect(planned(new Yard().worker("w"))).toEqual([]);
    const full = new Yard().worker("w", { slots: 1 }).submit(task("t"), task("u"));
    full.assign("t", "w");
    expect(planned(full)).toEqual([]);
  });

  it("stops at the limit", () => {
    expect(
      planned(new Yard().worker("w", { slots: 9 }).submit(...ids(5).map((id) => task(id))), 2),
    ).toHaveLength(2);
  });
});

describe("the best worker", () => {
  it("has what is preferred, before everything else", () => {
    const preferences = [
      { attribute: "label.rack", operator: "=", value: "7", weight: 2 },
      { attribute: "label.rack", operator: "exists", weight: 1 },
      { attribute: "label.slow", operator: "exists", weight: -9 },
    ] as const;
    const yard = new Yard()
      .worker("any", { slots: 9, seen: { warm: new Set(["tree"]) } })
      .worker("rack 6", { labels: { rack: "6" } })
      .worker("rack 7", { labels: { rack: "7" }, slots: 1 })
      .worker("slow", { labels: { rack: "7", slow: "yes" } })
      .submit(
        ...ids(3).map((id) => task(id, { requirements: { preferences: [...preferences] }, payload: "tree" })),
      );
    expect(planned(yard)).toEqual(["t0 on rack 7", "t1 on rack 6", "t2 on rack 6"]);
  });

  it("has the workspace warm, as long as it has a slot", () => {
    const yard = new Yard()
      .worker("cold", { slots: 9 })
      .worker("warm", { slots: 2, seen: { warm: new Set(["tree"]), load: { cpu: 0.9, memory_free_mb: 1 } } })
      .submit(...ids(4).map((id) => task(id, { payload: id === "t1" ? "no tree" : "tree" })));
    expect(planned(yard)).toEqual(["t0 on warm", "t1 on cold", "t2 on warm", "t3 on cold"]);
  });

  it("has the larger share of its slots free, so that tasks spread by size", () => {
    const yard = new Yard().worker("small", { slots: 2 }).worker("large", { slots: 4 });
    yard.submit(...ids(6).map((id) => task(id)));
    const on = planned(yard).map((placement) => placement.split(" on ")[1]);
    expect(on).toEqual(["small", "large", "large", "small", "large", "large"]);
  });

  it("has less to do, and else stands first", () => {
    const busy = { load: { cpu: 0.9, memory_free_mb: 1 } };
    const idle = { load: { cpu: 0.1, memory_free_mb: 1 } };
    const yard = new Yard()
      .worker("a", { seen: busy })
      .worker("b", { seen: idle })
      .worker("c", { seen: idle });
    expect(planned(yard.submit(task("t")))).toEqual(["t on b"]);
  });

  it("is connected, not suspect, and takes work", () => {
    const yard = new Yard()
      .worker("unseen", { seen: "never" })
      .worker("away", { seen: { connected: false } })
      .worker("suspect", { seen: { suspect: true } })
      .worker("cordoned");
    yard.do({ type: "cordon_worker", worker_id: "cordoned", by: "operator", reason: "hot" });
    expect(planned(yard.submit(task("t")))).toEqual([]);
    expect(planned(yard.worker("good"))).toEqual(["t on good"]);
  });
});

describe("what one pass gives away", () => {
  it("is never more than there is of cores, memory and devices", () => {
    const gpus = [gpu(0, { compute: "7.5" }), gpu(1)];
    const modern = { hardware: ["cuda"], min_cuda_compute: "8.0" };
    const one = { cpu_milli: 0, memory_mb: 0, gpu: 1 };
    const yard = new Yard()
      .worker("w", { slots: 9, capabilities: { gpus, hardware: ["cpu", "cuda"] } })
      .submit(
        task("modern 1", { requirements: modern, resources: one }),
        task("modern 2", { requirements: modern, resources: one }),
        task("any 1", { resources: one }),
        task("any 2", { resources: one }),
        task("wide 1", { resources: { cpu_milli: 5_000, memory_mb: 0, gpu: 0 } }),
        task("wide 2", { resources: { cpu_milli: 5_000, memory_mb: 0, gpu: 0 } }),
        task("large 1", { resources: { cpu_milli: 0, memory_mb: 9_000, gpu: 0 } }),
        task("large 2", { resources: { cpu_milli: 0, memory_mb: 9_000, gpu: 0 } }),
      );
    expect(planned(yard)).toEqual(["modern 1 on w", "any 1 on w", "wide 1 on w", "large 1 on w"]);
  });

  it("is one task for a concurrency key, per project", () => {
    const requirements = { concurrency_key: "db" };
    const yard = new Yard()
      .worker("w", { slots: 9 })
      .submit(
        task("a", { requirements }),
        task("b", { requirements }),
        task("other", { requirements, project: "other" }),
        task("also", { requirements: { ...requirements, os: ["linux"] } }),
      );
    expect(planned(yard)).toEqual(["a on w", "other on w"]);
  });

  it("is a whole host for an exclusive task, and only an empty one", () => {
    const yard = new Yard()
      .worker("w1")
      .worker("w2")
      .submit(task("t"), task("quiet", { requirements: { exclusive: true } }));
    yard.assign("t", "w1");
    yard.submit(task("u"), task("v"));
    expect(planned(yard)).toEqual(["quiet on w2", "u on w1"]);
  });
});
