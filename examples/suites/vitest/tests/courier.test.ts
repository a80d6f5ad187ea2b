import { expect, test } from "vitest";

// Flaky by design: on the first attempt of a task the courier is "stuck in traffic".
const arrived = process.env["TESTYARD_ATTEMPT"] !== "1";

test("the courier arrives in time", () => {
  expect(arrived, "the courier is late").toBe(true);
});

test("the parcel has an address", () => {
  expect("1 Yard Lane").toMatch(/\d+ \w+/);
});
