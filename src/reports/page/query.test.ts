import { expect, it } from "vitest";
import { readAddress, writeAddress } from "./address.ts";
import { matcherOf } from "./query.ts";

const CASE = {
  text: "tests/shop/cart.test.ts > adds two: items expected 3",
  file: "tests/shop/cart.test.ts",
  worker: "gpu-7",
  framework: "vitest .",
  states: ["failed", "flaky"],
};

it.each([
  ["", true],
  ["adds", true],
  ["ADDS items", true],
  ["adds missing", false],
  ['"adds two"', true],
  ['"two adds"', false],
  ["s:failed", true],
  ["s:fail", true],
  ["s:passed", false],
  ["-s:passed", true],
  ["-s:failed", false],
  ["f:shop/ w:gpu k:vitest", true],
  ["f:other", false],
  ["-f:other -w:cpu", true],
  ["z:what", false],
  ["two: items", true],
  ['-"', false],
])("%j", (query, matches) => {
  expect(matcherOf(query)(CASE)).toBe(matches);
});

it("is the same after a way through the address", () => {
  const view = { query: 's:failed "a & b" -f:ä+?#', order: "time" } as const;
  expect(readAddress(writeAddress(view))).toEqual({ kind: "list", view });
  expect(readAddress("#test-abc")).toEqual({ kind: "case", anchor: "test-abc" });
  expect(readAddress("#cases")).toEqual({ kind: "list", view: { query: "", order: "" } });
});
