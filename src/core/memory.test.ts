import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { decide } from "./decide.ts";
import { beginRecord, evolve } from "./evolve.ts";
import { createState } from "./state.ts";
import type { Command } from "./command.ts";
import * as a from "./testing/build.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const heapBytes = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

const TASKS = 100_000;
const BATCH = 1_000;

describe("a queued task", () => {
  it("costs at most 1 KiB beside its own JSON", { timeout: 60_000 }, () => {
    const state = createState();
    const give = (command: Command) => {
      const decision = decide(state, command, 1_000);
      if (decision.kind === "rejected") throw new Error(decision.rejection.message);
      beginRecord(state, { position: state.position + 1, at: 1_000 });
      for (const event of decision.events) evolve(state, event);
    };
    give(a.claim);
    give(a.openRun);
    const before = heapBytes();
    let jsonBytes = 0;
    for (let first = 0; first < TASKS; first += BATCH) {
      // As they come over the wire: no strings shared with each other or with the test.
      const text = JSON.stringify(Array.from({ length: BATCH }, (_, i) => aTask(first + i)));
      jsonBytes += text.length;
      give(a.submit(JSON.parse(text), { submission_id: `s${first}` }));
    }
    const perTask = (heapBytes() - before) / TASKS;
    console.log(
      `a queued task: ${Math.round(perTask)} bytes of heap, its JSON ${Math.round(jsonBytes / TASKS)}`,
    );
    expect(state.queuedCount).toBe(TASKS);
    expect(perTask).toBeLessThan(jsonBytes / TASKS + 1_024);
  });
});

function aTask(n: number): ReturnType<typeof a.task> {
  const task_id = `01ARYZ6S41${String(n).padStart(16, "0")}`;
  const payload = JSON.stringify({
    adapter: "pytest",
    args: ["-q"],
    file: `tests/part_${n % 97}/test_${n}.py`,
  });
  return a.task(task_id, { payload, name: `tests/part_${n % 97}/test_${n}.py` });
}
