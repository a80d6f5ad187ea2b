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
    const parts = fc.array(fc.tuple(fc.nat(3), fc.option(fc.nat(3)), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(parts, fc.infiniteStream(fc.nat()), (made, chance) => {
        const queue = new ReadyQueue<Queued>();
        const inside: Queued[] = [];
        made.forEach(([priority, estimate, leaves], seq) => {
          const one = item(seq, priority, estimate);
          queue.add(one);
          inside.push(one);
          if (!leaves) return;
          const [gone] = inside.splice((chance.next().value as number) % inside.length, 1);
          queue.remove(gone as Queued);
          expect(gone?.heapIndex).toBe(-1);
        });
        expect([...queue.inOrder()]).toEqual(sorted(inside));
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
