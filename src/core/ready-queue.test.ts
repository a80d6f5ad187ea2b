import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { precedes, ReadyQueue, type Queued } from "./ready-queue.ts";

const item = (seq: number, priority: number, estimate_ms: number | null): Queued => ({
  seq,
  spec: { priority, estimate_ms },
  heapIndex: -1,
});
const sorted = (items: readonly Queued[]) => [...items].sort((a, b) => (precedes(a, b) ? -1 : 1));

describe("the queue of a class", () => {
  it("starts the urgent first, then the unknown, then the long, then the early", () => {
    const items = [item(0, 5, 10), item(1, 5, 90), item(2, 5, null), item(3, 1, 1), item(4, 5, 90)];
    expect(sorted(items).map(({ seq }) => seq)).toEqual([3, 2, 1, 4, 0]);
  });

  it("is walked in that order whatever came and went before", () => {
    const parts = fc.array(fc.tuple(fc.nat(9), fc.option(fc.nat(3))), { maxLength: 60, size: "max" });
    fc.assert(
      fc.property(parts, fc.array(fc.nat(), { maxLength: 40, size: "max" }), (made, leaving) => {
        const queue = new ReadyQueue<Queued>();
        const inside = made.map(([priority, estimate], seq) => item(seq, priority, estimate));
        for (const one of inside) queue.add(one);
        for (const n of leaving.slice(0, inside.length)) {
          const [gone] = inside.splice(n % inside.length, 1);
          queue.remove(gone as Queued);
          expect(gone?.heapIndex).toBe(-1);
          expect([...queue.inOrder()]).toEqual(sorted(inside));
        }
        expect(queue.size).toBe(inside.length);
      }),
    );
  });

  it("refuses a task twice, and one that is not in it", () => {
    const queue = new ReadyQueue<Queued>();
    const one = item(0, 5, null);
    queue.add(one);
    expect(() => queue.add(one)).toThrow("queued once");
    expect(() => queue.remove(item(1, 5, null))).toThrow("the queue it is in");
  });
});
