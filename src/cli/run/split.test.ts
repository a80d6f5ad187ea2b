import fc from "fast-check";
import { expect, it } from "vitest";
import { splitFiles } from "./split.ts";

const names = (count: number) => Array.from({ length: count }, (_, i) => `f${i}`);

it("holds every file exactly once, whatever is known", () => {
  const property = fc.property(
    fc.integer({ min: 0, max: 700 }),
    fc.array(fc.integer({ min: 0, max: 60_000 }), { maxLength: 700 }),
    fc.integer({ min: 1, max: 16 }),
    (count, known, slots) => {
      const files = names(count);
      const durations = new Map(known.slice(0, count).map((ms, i) => [`f${i}`, ms]));
      const groups = splitFiles({ files, durations, slots });
      expect(groups.flatMap((group) => group.files).sort()).toEqual(files.sort());
      expect(groups.every((group) => group.files.length > 0 && group.files.length <= 200)).toBe(true);
    },
  );
  fc.assert(property, { seed: 3 });
});

it("puts short files together and leaves a long one alone", () => {
  const durations = new Map([["long", 60_000], ...names(40).map((name) => [name, 250] as const)]);
  const groups = splitFiles({ files: [...durations.keys()], durations, slots: 2 });
  expect(groups.find((group) => group.files.includes("long"))?.files).toEqual(["long"]);
  expect(groups.length).toBeLessThan(5);
});

it("makes no task longer than its aim but those of one file", () => {
  const durations = new Map(names(100).map((name, i) => [name, (i % 10) * 1000]));
  const groups = splitFiles({ files: [...durations.keys()], durations, slots: 2 });
  const aim = 450_000 / 8;
  expect(groups.every((group) => group.files.length === 1 || (group.estimateMs ?? 0) <= aim)).toBe(true);
  expect(groups.length).toBeLessThanOrEqual(12);
});

it("gives files without history no estimate and spreads them thinly", () => {
  const groups = splitFiles({ files: names(5), durations: new Map([["f0", 10]]), slots: 2 });
  expect(groups.map((group) => [group.files.length, group.estimateMs])).toEqual([
    [1, null],
    [1, null],
    [1, null],
    [1, null],
    [1, 10],
  ]);
});
