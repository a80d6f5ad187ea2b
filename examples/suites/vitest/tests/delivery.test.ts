import { expect, test } from "vitest";

/** Cheapest round trip through every stop, by trying all of them. */
function shortestRoute(distances: readonly (readonly number[])[], at = 0, left = rest(distances.length)): number {
  if (left.length === 0) return distances[at]?.[0] ?? 0;
  const lengths = left.map((next) => {
    const others = left.filter((stop) => stop !== next);
    return (distances[at]?.[next] ?? 0) + shortestRoute(distances, next, others);
  });
  return Math.min(...lengths);
}

function rest(stops: number): number[] {
  return Array.from({ length: stops - 1 }, (_, index) => index + 1);
}

function circle(stops: number): number[][] {
  const places = Array.from({ length: stops }, (_, index) => index);
  return places.map((a) => places.map((b) => Math.min(Math.abs(a - b), stops - Math.abs(a - b))));
}

test("on a circle the way round is the shortest", { timeout: 30_000 }, async () => {
  expect(shortestRoute(circle(8))).toBe(8);
  await new Promise((resolve) => setTimeout(resolve, 2000));
});

test("one stop needs no drive", () => {
  expect(shortestRoute([[0]])).toBe(0);
});
