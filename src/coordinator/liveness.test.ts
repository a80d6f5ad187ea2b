import { expect, test } from "vitest";
import { createState, type Worker } from "../core/index.ts";
import { Liveness } from "./liveness.ts";
import { DEFAULT_SETTINGS } from "./settings.ts";

const SETTINGS = {
  ...DEFAULT_SETTINGS,
  heartbeatMs: 5_000,
  leaseMs: 20_000,
  marginMs: 4_000,
  reconnectWindowMs: 30_000,
};

function stateWith(id: string): ReturnType<typeof createState> {
  const state = createState();
  const worker = { worker_id: id, incarnation: "i", status: { state: "online" } } as Worker;
  state.workers.set(id, worker);
  return state;
}

/** Looks every second from `from` to `to`; the moment at which the worker was first overdue. */
function firstOverdue(liveness: Liveness, span: { from: number; to: number }): number | null {
  const state = stateWith("w");
  for (let now = span.from; now <= span.to; now += 1_000) {
    if (liveness.overdue(state, now).length > 0) return now;
  }
  return null;
}

test("a worker is overdue once lease and margin are over, not before", () => {
  const liveness = new Liveness(SETTINGS, 0);
  liveness.connected("w", 10_000);
  expect(firstOverdue(liveness, { from: 0, to: 100_000 })).toBe(35_000);
});

test("after a start nobody is overdue before the reconnect window and a lease", () => {
  expect(firstOverdue(new Liveness(SETTINGS, 0), { from: 0, to: 100_000 })).toBe(55_000);
});

test("a pause of this process is nobody's silence", () => {
  const liveness = new Liveness(SETTINGS, 0);
  liveness.connected("w", 0);
  expect(firstOverdue(liveness, { from: 0, to: 5_000 })).toBeNull();
  // It stood still from 5 s to 65 s.
  expect(firstOverdue(liveness, { from: 65_000, to: 80_000 })).toBeNull();
  expect(firstOverdue(liveness, { from: 81_000, to: 100_000 })).not.toBeNull();
});

test("silence makes suspect, a word clears it", () => {
  const liveness = new Liveness(SETTINGS, 0);
  liveness.connected("w", 0);
  firstOverdue(liveness, { from: 0, to: 11_000 });
  expect(liveness.observations.get("w")?.suspect).toBe(true);
  liveness.heard("w", 11_500);
  expect(liveness.observations.get("w")?.suspect).toBe(false);
});
