/** What the HTTP API answers to whoever makes the report of a run. */
import * as z from "zod/mini";
import { runView, taskState } from "./api.ts";
import { attemptResult, capabilities } from "./frames.ts";
import { named } from "./named.ts";
import { artifact } from "./result-document.ts";

const text = z.string();
const count = z.int().check(z.minimum(0));
const described = <T extends z.ZodMiniType>(schema: T, description: string): T =>
  schema.check(z.describe(description)) as T;

const attempt = z.object({
  attempt: count,
  worker_id: text,
  outcome: z.enum([...attemptResult.shape.outcome.options, "lost"]),
  ended_at: described(z.number(), "Milliseconds since 1970."),
  duration_ms: described(z.number().check(z.minimum(0)), "Milliseconds."),
  error: z.nullable(z.object({ code: text, message: text })),
  log_bytes: count,
  artifacts: z.array(artifact),
  hw_class: described(z.nullable(text), "null when nobody knows any more."),
  capabilities: z.nullable(capabilities),
});

const runTaskView = named(
  "RunTask",
  z.object({
    task_id: text,
    name: text,
    framework: described(z.nullable(text), "null for a plain command."),
    suite: described(text, "Folder of the suite, relative to the workspace."),
    state: taskState,
    reason: z.nullable(text),
    retry_of: described(z.nullable(text), "The task that this one repeats."),
    attempts: z.array(attempt),
  }),
  "A task of a run with all its attempts that are over, as a report needs it.",
);

export const runTaskPage = named(
  "RunTaskPage",
  z.object({
    items: z.array(runTaskView),
    next_cursor: described(z.nullable(text), "Where the next page begins; null on the last."),
  }),
  "One page of a list.",
);

export const previousRun = named(
  "PreviousRun",
  z.object({ run: z.nullable(runView) }),
  "The newest earlier run of the same project and name that has ended.",
);

export type RunTaskView = z.infer<typeof runTaskView>;
