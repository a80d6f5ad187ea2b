/**
 * Yards of any kind, built through the core: mixed workers, mixed requirements, some tasks out, some
 * over.
 */
import fc from "fast-check";
import type { Requirements, Resources, TaskSpec } from "../../core/index.ts";
import { gpu, task, Yard, type WorkerKind } from "./yard.ts";

const requirements: fc.Arbitrary<Requirements> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Requirements>({}) },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Requirements>(
      { hardware: ["cuda"] },
      { hardware_any: ["cuda", "rocm"] },
      { min_cuda_compute: "8.0" },
      { os: ["linux"] },
      { os: ["darwin"] },
      { labels: { pool: "a" } },
      { exclusive: true },
      { concurrency_key: "k1" },
      { concurrency_key: "k2", exclusive: true },
      { browsers: ["chromium"] },
      { constraints: [{ attribute: "runtime.node", operator: ">=", value: "20" }] },
      { preferences: [{ attribute: "label.pool", operator: "=", value: "b", weight: 3 }] },
      { preferences: [{ attribute: "os", operator: "=", value: "linux", weight: -1 }] },
    ),
  },
);

const resources: fc.Arbitrary<Resources> = fc.record({
  cpu_milli: fc.constantFrom(0, 0, 1_000, 3_000),
  memory_mb: fc.constantFrom(0, 0, 2_000, 9_000),
  gpu: fc.constantFrom(0, 0, 0, 1, 2),
});

const aTask = fc.record({
  requirements,
  resources,
  priority: fc.nat(2),
  estimate_ms: fc.option(fc.nat(3)),
  project: fc.constantFrom("default", "default", "other"),
  payload: fc.constantFrom("tree1", "tree2", "no tree"),
});

const aWorker: fc.Arbitrary<WorkerKind> = fc
  .record({
    slots: fc.integer({ min: 1, max: 4 }),
    pool: fc.constantFrom("a", "b"),
    os: fc.constantFrom("linux", "linux", "darwin"),
    computes: fc.array(fc.constantFrom("7.5", "8.0"), { maxLength: 3 }),
    isModern: fc.boolean(),
    seen: fc.oneof(
      { weight: 1, arbitrary: fc.constant<"never">("never") },
      {
        weight: 9,
        arbitrary: fc.record({
          connected: fc.constantFrom(true, true, true, true, false),
          suspect: fc.constantFrom(false, false, false, false, true),
          load: fc.record({ cpu: fc.constantFrom(0, 0.5), memory_free_mb: fc.constant(1_000) }),
          warm: fc.subarray(["tree1", "tree2"]).map((trees) => new Set(trees)),
        }),
      },
    ),
  })
  .map(({ slots, pool, os, computes, isModern, seen }) => ({
    slots,
    labels: { pool },
    seen,
    capabilities: {
      os,
      gpus: computes.map((compute, index) => gpu(index, { compute })),
      hardware: computes.length > 0 ? ["cpu", "cuda"] : ["cpu"],
      browsers: isModern ? { chromium: "156" } : {},
      runtimes: { node: isModern ? "22.1.0" : "18.0.0" },
    },
  }));

const CHANGES = ["assign", "assign", "assign", "assign", "cancel", "cordon", "lose", "finish"] as const;
const aChange = fc.record({ kind: fc.constantFrom(...CHANGES), a: fc.nat(99), b: fc.nat(99) });

export const randomYard: fc.Arbitrary<Yard> = fc
  .record({
    tasks: fc.array(aTask, { maxLength: 14 }),
    workers: fc.array(aWorker, { maxLength: 5 }),
    changes: fc.array(aChange, { maxLength: 10 }),
  })
  .map(({ tasks, workers, changes }) => {
    const yard = new Yard();
    workers.forEach((kind, n) => yard.worker(`w${n}`, kind));
    tasks.forEach((differences, n) => yard.submit(task(`t${n}`, differences satisfies Partial<TaskSpec>)));
    for (const { kind, a, b } of changes) {
      change(yard, {
        kind,
        taskId: `t${a % Math.max(1, tasks.length)}`,
        workerId: `w${b % Math.max(1, workers.length)}`,
      });
    }
    return yard;
  });

function change(
  yard: Yard,
  what: { kind: (typeof CHANGES)[number]; taskId: string; workerId: string },
): void {
  const { kind, taskId: task_id, workerId: worker_id } = what;
  switch (kind) {
    case "assign":
      yard.assign(task_id, worker_id);
      return;
    case "cancel":
      yard.cancel(task_id);
      return;
    case "finish":
      yard.finish(task_id, worker_id, "passed");
      return;
    case "cordon":
      yard.do({ type: "cordon_worker", worker_id, by: "operator", reason: "hot" });
      return;
    case "lose":
      yard.do({ type: "lose_worker", worker_id, incarnation: `${worker_id}/1`, reason: "silent" });
      return;
  }
}
