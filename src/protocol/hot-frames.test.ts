import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { assign, results } from "./frames.ts";
import { isPlainAssign, isPlainResults } from "./hot-frames.ts";

const plain = {
  outcome: "passed",
  exit_code: 0,
  signal: null,
  started_at: 1,
  duration_ms: 2,
  usage: null,
  counts: null,
  document: null,
  log_bytes: 0,
  error: null,
};

test("a plain result is recognised", () => {
  expect(isPlainResults({ results: [{ task_id: "t", attempt: 1, result: plain }] })).toBe(true);
});

const assignment = {
  task_id: "t",
  attempt: 1,
  run_id: "r",
  project: "p",
  name: "n",
  type: "test",
  slot: 0,
  gpus: [],
  timeout_ms: 1,
  payload: "{}",
  on_partition: "finish",
};

test("a plain assignment is recognised", () => {
  expect(isPlainAssign({ tasks: [assignment] })).toBe(true);
});

test("what it accepts of assignments, the schema accepts as it is", () => {
  const odd = fc.oneof(fc.anything(), fc.constantFrom(null, 0, 1, -1, 1.5, "", "x", [], [1], Infinity, NaN));
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(assignment), "more"), odd, (name, value) => {
      const body = { tasks: [{ ...assignment, [name]: value }] };
      if (!isPlainAssign(body)) return;
      const judged = z.safeParse(assign, body);
      expect(judged.success).toBe(true);
      expect(judged.data).toEqual(body);
    }),
    { numRuns: 2_000 },
  );
});

test("what it accepts of results, the schema accepts as it is", () => {
  const odd = fc.oneof(
    fc.anything(),
    fc.constantFrom(null, 0, 1, -1, 1.5, "", "x", "x".repeat(40_000), Infinity, NaN),
  );
  const field = fc.constantFrom("task_id", "attempt", "result", ...Object.keys(plain));
  fc.assert(
    fc.property(field, odd, (name, value) => {
      const item: Record<string, unknown> = { task_id: "t", attempt: 1, result: { ...plain } };
      if (name in item) item[name] = value;
      else item["result"] = { ...plain, [name]: value };
      const body = { results: [item] };
      if (!isPlainResults(body)) return;
      const judged = z.safeParse(results, body);
      expect(judged.success).toBe(true);
      expect(judged.data).toEqual(body);
    }),
    { numRuns: 2_000 },
  );
});
