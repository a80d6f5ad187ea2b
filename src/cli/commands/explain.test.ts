import { expect, it } from "vitest";
import type { TaskExplanation } from "../../protocol/index.ts";
import { explanationText, nearestFirst } from "./explain.ts";

const cuda = { requirement: "hardware", asked: "cuda", has: "cpu" };
const os = { requirement: "os", asked: "linux", has: "darwin" };
const waiting: TaskExplanation = {
  task_id: "T",
  name: "bench",
  state: "queued",
  summary: "blocked: needs hardware cuda; nearest: w2 (has cpu)",
  workers: [
    { worker_id: "w1", verdict: "does_not_fit", reasons: [cuda, os] },
    { worker_id: "w2", verdict: "does_not_fit", reasons: [cuda] },
    {
      worker_id: "w3",
      verdict: "not_available",
      reasons: [{ requirement: "worker", asked: "available", has: "cordoned: hot" }],
    },
    { worker_id: "w4", verdict: "fits", reasons: [] },
  ],
  attempts: [],
};

it("puts the worker first where least would have to change", () => {
  expect(nearestFirst(waiting.workers).map(({ worker_id }) => worker_id)).toEqual(["w4", "w3", "w2", "w1"]);
});

it("says for each worker what is in the way", () => {
  const lines = explanationText(waiting).split("\n");
  expect(lines.slice(0, 2)).toEqual(["T  bench", `queued: ${waiting.summary}`]);
  expect(lines.slice(4)).toEqual([
    "w4      fits           has room",
    "w3      not available  cordoned: hot",
    "w2      does not fit   lacks hardware cuda (has cpu)",
    "w1      does not fit   lacks hardware cuda (has cpu), os linux (has darwin)",
  ]);
});

it("says of one that ran what it waited for", () => {
  const ran: TaskExplanation = {
    ...waiting,
    state: "completed",
    summary: "ended as completed on w4 with attempt 1, after 2.0 s for its dependencies",
    workers: [],
    attempts: [
      {
        attempt: 1,
        worker_id: "w4",
        state: "passed",
        waited: [
          { for: "dependencies", ms: 2_000 },
          { for: "worker", ms: 100 },
        ],
        duration_ms: 61_000,
        reason: null,
      },
    ],
  };
  expect(explanationText(ran).split("\n").at(-1)).toBe(
    "1        w4      2.0 s for dependencies, 0.1 s for a worker  1 min 1 s  passed",
  );
});
