import { expect, test } from "vitest";
import { attemptSpanId, parseTraceparent, traceOf, traceparentOf } from "./trace.ts";

const RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

test("a run's trace is the bits of its id", () => {
  expect(traceOf(RUN, undefined)).toEqual({
    traceId: "01563e3ab5d3d6764c61efb99302bd5b",
    parentId: null,
    isSampled: true,
  });
});

test("a caller's trace is taken over, with its sampling", () => {
  const [trace, span] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
  expect(traceOf(RUN, `00-${trace}-${span}-00`)).toEqual({
    traceId: trace,
    parentId: span,
    isSampled: false,
  });
});

test.each([
  "",
  "00-00",
  `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
  `00-${"a".repeat(32)}-${"0".repeat(16)}-01`,
])("%j is no context", (text) => {
  expect(parseTraceparent(text)).toBeNull();
});

test("attempts have spans of their own, also where ids follow each other", () => {
  const ids = ["01ARZ3NDEKTSV4RRFFQ69G5FA0", "01ARZ3NDEKTSV4RRFFQ69G5FA1"];
  const spans = ids.flatMap((id) => [1, 2].map((attempt) => attemptSpanId(id, attempt)));
  expect(new Set(spans).size).toBe(4);
  const parent = traceparentOf(traceOf(RUN, undefined), { task_id: RUN, attempt: 1 });
  expect(parent).toMatch(/^00-01563e3ab5d3d6764c61efb99302bd5b-[0-9a-f]{16}-01$/);
});
