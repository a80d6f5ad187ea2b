import * as fc from "fast-check";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { results } from "./frames.ts";
import { isPlainResults } from "./hot-frames.ts";

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

test("what it accepts, the schema accepts as it is", () => {
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
