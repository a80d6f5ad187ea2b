/**
 * What the HTTP API takes beside tasks. These are the very schemas that requests are held against, and the
 * ones that the description at /openapi.json shows.
 */
import * as z from "zod/mini";
import { named } from "./named.ts";
import { taskInput } from "./task-input.ts";

const MAX_TASKS = 100_000;
const MAX_HASHES = 10_000;

const PROJECT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const project = z
  .string()
  .check(z.regex(PROJECT, "a project's name has 1 to 64 letters, digits, dots, dashes and underscores"));

const label = z.optional(z.nullable(z.string().check(z.minLength(1), z.maxLength(512))));
const webhooks = z.optional(
  z
    .array(z.string().check(z.minLength(1), z.maxLength(2_000)))
    .check(z.maxLength(10, "at most 10 webhooks"), z.describe("Addresses that are told of the run's end.")),
);
const runShape = { run_key: label, name: label, webhooks };

export const runInput = named(
  "RunInput",
  z.strictObject({ ...runShape, project: z.optional(project) }),
  "A run to open, or to attach to when the key is known.",
);

const bulkShape = {
  run_id: z.optional(z.string().check(z.minLength(1), z.maxLength(64))),
  run: z.optional(z.strictObject(runShape)),
  project: z.optional(project),
};
const taskLimits = [
  z.minLength(1, "expected at least one task"),
  z.maxLength(MAX_TASKS, `at most ${MAX_TASKS} tasks in one submission`),
] as const;

/** Around the tasks; each of those is held against `taskInput` by itself, so that one pass is enough. */
export const bulkEnvelope = z.strictObject({
  ...bulkShape,
  tasks: z.array(z.unknown()).check(...taskLimits),
});
export const bulkInput = named(
  "BulkInput",
  z.strictObject({ ...bulkShape, tasks: z.array(taskInput).check(...taskLimits) }),
  "Many tasks at once: all are taken, or none. Either `run_id` of an open run or `run` for a new one.",
);

export const cordonInput = named(
  "CordonInput",
  z.strictObject({ reason: z.optional(z.string().check(z.minLength(1), z.maxLength(512))) }),
  "Why a worker gets no new tasks; shown with it.",
);
const onlyCases = z.optional(
  z.boolean().check(z.describe("Only the cases that failed, where that is known.")),
);

export const retryTaskInput = named(
  "RetryTaskInput",
  z.strictObject({
    force: z.optional(z.boolean().check(z.describe("Also when it has succeeded."))),
    cases: onlyCases,
  }),
  "How a task is repeated.",
);
export const retryRunInput = named(
  "RetryRunInput",
  z.strictObject({
    only: z.optional(z.literal("failed").check(z.describe("What has ended without success: the default."))),
    cases: onlyCases,
  }),
  "What of a run is repeated, and how.",
);
export const emptyInput = named("EmptyInput", z.strictObject({}), "Nothing need be said.");

const MAX_SQL = 100_000;
const MAX_ROWS = 100_000;
const MAX_PARAMETERS = 1_000;
const sqlParameter = z.union(
  [z.string(), z.number(), z.boolean(), z.null()],
  "a parameter is a text, a number, a boolean or null",
);

export const exportInput = named(
  "ExportInput",
  z.strictObject({
    format: z.optional(z.enum(["parquet", "csv", "json"])),
    tables: z.optional(z.array(z.string().check(z.maxLength(64))).check(z.minLength(1), z.maxLength(100))),
  }),
  "Parquet and all tables unless given; `json` is one object a line.",
);

export type ExportInput = z.infer<typeof exportInput>;

export const sqlInput = named(
  "SqlInput",
  z.strictObject({
    sql: z.string().check(z.minLength(1), z.maxLength(MAX_SQL)),
    parameters: z.optional(z.array(sqlParameter).check(z.maxLength(MAX_PARAMETERS))),
    limit: z.optional(z.int().check(z.minimum(1), z.maximum(MAX_ROWS))),
  }),
  "One SELECT; `?` in it takes the parameters in order. At most `limit` rows, 10,000 unless given.",
);

export const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/, "a hash is 64 hex digits"));
export const hashList = named(
  "HashList",
  z.strictObject({ hashes: z.array(hash).check(z.maxLength(MAX_HASHES, `at most ${MAX_HASHES} hashes`)) }),
  "SHA-256 hashes of blobs.",
);

export type RunInput = z.infer<typeof runInput>;
export type BulkEnvelope = z.infer<typeof bulkEnvelope>;
