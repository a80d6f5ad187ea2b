import { expect, test } from "vitest";
import { runHistory } from "./history.ts";

test("one seed gives one history", async () => {
  const first = await runHistory(42);
  const again = await runHistory(42);
  expect(again.fingerprint).toBe(first.fingerprint);
  expect(again.steps).toBe(first.steps);
  expect((await runHistory(43)).fingerprint).not.toBe(first.fingerprint);
});

test("histories with faults keep every promise", async () => {
  for (let seed = 1000; seed < 1010; seed++) {
    const report = await runHistory(seed);
    expect(report.faults).toBeGreaterThanOrEqual(5);
    expect(report.events).toBeGreaterThan(0);
  }
});
