/** One thing that happened in a run, as its feed tells it. `position` is where to go on from. */
import * as z from "zod/mini";
import { attemptResult } from "./frames.ts";
import { taskState } from "./api.ts";
import { named } from "./named.ts";

const place = { position: z.int(), at: z.number(), task_id: z.string() };
const attempt = { ...place, attempt: z.int().check(z.minimum(1)), worker_id: z.string() };
const { counts, document, error, log_bytes, outcome } = attemptResult.shape;

const taskStarted = z.object({ kind: z.literal("task_started"), ...attempt });
const attemptEnded = z.object({
  kind: z.literal("attempt_ended"),
  ...attempt,
  outcome: z.enum([...outcome.options, "lost"]),
  duration_ms: z.number(),
  counts,
  document,
  error,
  log_bytes,
  next: z.string(),
});
const taskEnded = z.object({
  kind: z.literal("task_ended"),
  ...place,
  state: taskState,
  reason: z.nullable(z.string()),
});

const ended = z.int().check(z.minimum(0));
const runEnded = z
  .object({
    kind: z.literal("run_ended"),
    position: z.int(),
    at: z.number(),
    run_id: z.string(),
    ended: z.int().check(z.minimum(1)),
    total: ended,
    counts: z.object({
      completed: ended,
      failed: ended,
      timed_out: ended,
      cancelled: ended,
      skipped: ended,
    }),
    verdict: z.enum(["passed", "failed", "cancelled"]),
  })
  .check(
    z.describe(
      "None of the run's tasks can change any more; tasks submitted later make it end again, as the next.",
    ),
  );

const items = [taskStarted, attemptEnded, taskEnded, runEnded] as const;
export const feedItem = z.discriminatedUnion("kind", [...items]);
export const feedLine = named(
  "FeedLine",
  z.discriminatedUnion("kind", [...items, z.object({ kind: z.literal("ping"), position: z.int() })]),
  "A line of a run's feed. A ping says that everything up to its position has been told.",
);

export type FeedItem = z.infer<typeof feedItem>;
