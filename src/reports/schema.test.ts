/**
 * The shipped schema is made of this description, and this description is held to the model by the types: a
 * field that is added to one of the three and forgotten in another fails here or in the type check.
 */
import { readFile, writeFile } from "node:fs/promises";
import { expect, expectTypeOf, it } from "vitest";
import * as z from "zod";
import { REPORT_SCHEMA, REPORT_VERSION, toJson } from "./json.ts";
import { CHANGES, type RunReport } from "./model.ts";
import { hostileReport, usualReport } from "./reports.testing.ts";

const SCHEMA_FILE = new URL("report.schema.json", import.meta.url);

const outcome = z.enum(["passed", "failed", "skipped", "error"]);
const reusedFrom = z.object({ run_id: z.string(), task_id: z.string() });
const error = z.object({ code: z.string(), message: z.string() });
const run = z.object({
  run_id: z.string(),
  name: z.string(),
  project: z.string(),
  url: z.string().nullable(),
});
const caseReport = z.object({
  test_id: z.string().nullable(),
  framework: z.string().nullable(),
  suite: z.string(),
  file: z.string(),
  name: z.string(),
  outcome,
  flaky: z.boolean(),
  expected_failure: z.boolean(),
  duration_ms: z.number(),
  message: z.string().nullable(),
  detail: z.string().nullable(),
  stdout: z.string().nullable(),
  stderr: z.string().nullable(),
  fingerprint: z.string().nullable(),
  worker_id: z.string().nullable(),
  attempt: z.int(),
  task_id: z.string().nullable(),
  reused_from: reusedFrom.nullable(),
});
const hardware = z.object({
  hw_class: z.string(),
  os: z.string(),
  arch: z.string(),
  cpu_model: z.string(),
  physical_cores: z.number(),
  logical_cores: z.number(),
  memory_mb: z.number(),
  gpus: z.array(z.string()),
});
const attempt = z.object({
  attempt: z.int(),
  worker_id: z.string(),
  outcome: z.enum(["passed", "failed", "timed_out", "cancelled", "infrastructure", "lost"]),
  ended_at: z.number(),
  duration_ms: z.number(),
  error: error.nullable(),
  log_bytes: z.int(),
  log_tail: z.string().nullable(),
  artifacts: z.array(z.object({ path: z.string(), sha256: z.string(), size_bytes: z.int() })),
  hardware: z.string().nullable(),
});
const task = z.object({
  task_id: z.string(),
  name: z.string(),
  framework: z.string().nullable(),
  suite: z.string(),
  state: z.enum([
    "pending",
    "queued",
    "assigned",
    "running",
    "completed",
    "failed",
    "timed_out",
    "cancelled",
    "skipped",
    "poisoned",
  ]),
  reason: z.string().nullable(),
  reused_from: reusedFrom.nullable(),
  attempts: z.array(attempt),
});
const verdict = z.union([
  z.object({ result: z.literal("infrastructure"), exit_code: z.literal(3), why: z.string() }),
  z.object({ result: z.literal("nothing_ran"), exit_code: z.literal(7), why: z.string() }),
  z.object({ result: z.literal("failed"), exit_code: z.literal(1), why: z.string() }),
  z.object({ result: z.literal("passed"), exit_code: z.literal(0), why: z.string() }),
]);
const compared = z.object({
  test_id: z.string().nullable(),
  framework: z.string().nullable(),
  suite: z.string(),
  file: z.string(),
  name: z.string(),
  before: outcome.nullable(),
  now: outcome.nullable(),
  before_ms: z.number().nullable(),
  now_ms: z.number().nullable(),
});
const comparison = z.object({
  run,
  started_at: z.number(),
  duration_ms: z.number(),
  git_commit: z.string().nullable(),
  counts: z.record(z.enum(CHANGES), z.int()),
  cases: z.record(z.enum(CHANGES), z.array(compared)),
});
const runReport = z.object({
  run,
  started_at: z.number(),
  ended_at: z.number(),
  duration_ms: z.number(),
  verdict,
  totals: z.object({
    tasks: z.int(),
    cases: z.int(),
    passed: z.int(),
    failed: z.int(),
    error: z.int(),
    skipped: z.int(),
    flaky: z.int(),
    reused: z.int(),
  }),
  environment: z.record(z.string(), z.string()),
  merged_from: z.array(z.string()),
  hardware: z.array(hardware),
  workers: z.array(z.object({ worker_id: z.string(), attempts: z.int(), busy_ms: z.number() })),
  previous: comparison.nullable(),
  tasks: z.array(task),
  cases: z.array(caseReport),
});
const file = z.looseObject({
  $schema: z.literal(REPORT_SCHEMA),
  version: z.literal(REPORT_VERSION),
  ...runReport.shape,
});

it("describes the model, neither more nor less", () => {
  expectTypeOf<z.infer<typeof runReport>>().toEqualTypeOf<RunReport>();
});

it("is the file that is shipped (TESTYARD_UPDATE=1 writes it)", async () => {
  const made = { $id: REPORT_SCHEMA, title: "Report of a run", ...z.toJSONSchema(file, { io: "input" }) };
  expect(made.$schema).toBe("https://json-schema.org/draft/2020-12/schema");
  if (process.env["TESTYARD_UPDATE"] === "1") await writeFile(SCHEMA_FILE, JSON.stringify(made));
  expect(JSON.parse(await readFile(SCHEMA_FILE, "utf8"))).toEqual(made);
});

it.each([usualReport(), hostileReport()])("holds for what is written", (report) => {
  expect(file.safeParse(JSON.parse(toJson(report))).error).toBeUndefined();
});
