import { describe, expect, it } from "vitest";
import { createScheduler } from "./index.ts";
import { task, Yard } from "./testing/yard.ts";

const QUEUED = 100_000;

const queued = (classes: number): Yard => {
  const yard = new Yard();
  for (let first = 0; first < QUEUED; first += 1_000) {
    const tasks = Array.from({ length: 1_000 }, (_, i) => {
      const n = first + i;
      const labels: Record<string, string> = n % classes === 0 ? {} : { [`class${n % classes}`]: "yes" };
      return task(`t${n}`, { estimate_ms: (n * 7_919) % 60_000, requirements: { labels } });
    });
    yard.submit(...tasks);
  }
  return yard;
};

/** Best of some passes, as the machine is shared: a smoke limit, not a benchmark. */
const bestMs = (pass: () => number, passes: number): number => {
  let best = Infinity;
  for (let i = 0; i < passes; i++) {
    const started = performance.now();
    expect(pass()).toBe(1_000);
    best = Math.min(best, performance.now() - started);
  }
  return best;
};

describe("a pass that places 1,000 of 100,000 queued tasks", () => {
  it("takes a few milliseconds over 4 workers of 256 slots", { timeout: 30_000 }, () => {
    const yard = queued(1);
    for (let n = 0; n < 4; n++) yard.worker(`w${n}`, { slots: 256 });
    const scheduler = createScheduler();
    const ms = bestMs(() => scheduler.plan(yard.view, { limit: 1_000 }).length, 20);
    console.log(`4 workers of 256 slots: ${ms.toFixed(2)} ms for 1,000 placements`);
    expect(ms).toBeLessThan(20);
  });

  it("stays under 50 ms over 1,000 workers and 40 classes", { timeout: 30_000 }, () => {
    const yard = queued(40);
    const labels = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`class${n}`, "yes"]));
    for (let n = 0; n < 1_000; n++) yard.worker(`w${n}`, { slots: 4, labels: n % 2 === 0 ? labels : {} });
    const scheduler = createScheduler();
    const ms = bestMs(() => scheduler.plan(yard.view, { limit: 1_000 }).length, 20);
    console.log(`1,000 workers, 40 classes: ${ms.toFixed(2)} ms for 1,000 placements`);
    expect(ms).toBeLessThan(50);
  });
});
