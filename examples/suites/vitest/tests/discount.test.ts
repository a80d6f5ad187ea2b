import { expect, test } from "vitest";
import { discount } from "../src/discount.ts";

test.each([
  [0, 0],
  [49_99, 0],
  [50_01, 5],
  [99_99, 5],
  [100_00, 10],
])("for %i cents it is %i percent", (spent, percent) => {
  expect(discount(spent)).toBe(percent);
});

// Meant to fail: src/discount.ts leaves exactly 50.00 out.
test("begins at fifty", () => {
  expect(discount(50_00), "discount for 50.00").toBe(5);
});
