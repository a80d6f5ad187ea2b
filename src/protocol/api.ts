/**
 * What the HTTP API answers: the shapes, from which both the types here and the description at
 * /openapi.json are made. Keys are snake_case; times are milliseconds since 1970 unless the name says else.
 */
import * as z from "zod/mini";
import { attemptResult, capabilities } from "./frames.ts";
import { named } from "./named.ts";
import { caseOutcome } from "./result-document.ts";

const text = z.string();
const count = z.int().check(z.minimum(0));
const time = z.number().check(z.describe("Milliseconds since 1970."));
const duration = z.number().check(z.minimum(0), z.describe("Milliseconds."));
const position = z.int().check(z.describe("Number of a record of the log."));
const about = <T extends z.ZodMiniType>(schema: T, description: string): T =>
  schema.check(z.describe(description)) as T;

export const TASK_STATES = [
  ...(["pending", "queued", "assigned", "running", "completed", "failed"] as const),
  ...(["timed_out", "cancelled", "skipped", "poisoned"] as const),
] as const;

export const taskState = named("TaskState", z.enum(TASK_STATES), "Where a task is.");
const taskType = z.enum(["test", "benchmark", "command", "critical", "maintenance"]);
const endState = z.enum(["completed", "failed", "timed_out", "cancelled", "skipped"]);
const taskCounts = named("TaskCounts", z.record(taskState, count), "Tasks by state.");
const { counts: caseCounts, usage, outcome: attemptOutcome } = attemptResult.shape;
const failure = named(
  "Failure",
  z.object({ code: text, message: text }),
  "Why an attempt has no outcome of its own.",
);
named("Capabilities", capabilities, "What a worker's machine has.");

export const statusView = named(
  "Status",
  z.object({
    version: text,
    cluster_id: text,
    coordinator_id: text,
    role: z.literal("leader"),
    epoch: about(z.int(), "Rises with every start of a leader."),
    position,
    uptime_seconds: z.number(),
    tasks: taskCounts,
    workers: z.object({ online: count, connected: count, lost: count }),
    results: z.object({
      watermark: about(z.int(), "The results hold everything up to here."),
      behind: count,
      failed: z.nullable(text),
    }),
  }),
  "The yard as a whole.",
);

export const runView = named(
  "Run",
  z.object({
    run_id: text,
    project: text,
    run_key: z.nullable(text),
    name: text,
    opened_at: time,
    total: count,
    counts: taskCounts,
    open: about(count, "Tasks that have not ended."),
    ended_at: about(z.nullable(time), "Of its last task; null while one can still change."),
    superseded: about(z.record(endState, count), "Of `counts`, those that a newer task of the run repeats."),
    state: about(
      z.enum(["open", "passed", "failed", "cancelled"]),
      "Of a task and its retries the newest counts.",
    ),
  }),
  "A run: tasks that were submitted together, or under one key.",
);

const value = z.union([text, z.number(), z.array(text)]);
const constraint = {
  attribute: text,
  operator: z.enum(["=", "!=", "<", "<=", ">", ">=", "in", "not_in", "exists", "not_exists"]),
  value: z.exactOptional(value),
};

const requirementsView = named(
  "Requirements",
  z.object({
    hardware: z.exactOptional(z.array(text)),
    hardware_any: z.exactOptional(z.array(text)),
    min_memory_gb: z.exactOptional(z.number()),
    min_cuda_compute: z.exactOptional(text),
    min_gpu_memory_gb: z.exactOptional(z.number()),
    browsers: z.exactOptional(z.array(text)),
    os: z.exactOptional(z.array(text)),
    arch: z.exactOptional(z.array(text)),
    labels: z.exactOptional(z.record(text, text)),
    constraints: z.exactOptional(z.array(z.object(constraint))),
    preferences: z.exactOptional(z.array(z.object({ ...constraint, weight: z.number() }))),
    exclusive: z.exactOptional(z.literal(true)),
    concurrency_key: z.exactOptional(text),
  }),
  "What a task asks of a worker.",
);

const resourcesView = named(
  "Resources",
  z.object({ cpu_milli: z.number(), memory_mb: z.number(), gpu: z.number() }),
  "What a task occupies beside its slot.",
);

const taskShape = {
  task_id: text,
  run_id: text,
  project: text,
  name: text,
  type: taskType,
  state: taskState,
  priority: about(z.number(), "Lower is more urgent."),
  /** Why it is where it is: the reason it waits, or how it ended. */
  reason: about(z.nullable(text), "Why it is where it is: the reason it waits, or how it ended."),
  attempts: count,
  worker_id: z.nullable(text),
  requirements: requirementsView,
  resources: resourcesView,
  timeout_ms: duration,
  max_retries: count,
  dependencies: about(z.array(text), "Ids of tasks that must succeed first."),
  retry_of: about(z.nullable(text), "The task that this one repeats."),
  submitted_at: time,
  started_at: z.nullable(time),
  ended_at: z.nullable(time),
};

export const taskView = named("Task", z.object(taskShape), "A task as lists show it.");

export const submittedTask = named(
  "SubmittedTask",
  z.object({ ...taskShape, replayed: about(z.boolean(), "The answer to an earlier, equal request.") }),
  "A task that was just submitted.",
);

export const attemptView = named(
  "Attempt",
  z.object({
    task_id: text,
    attempt: about(count, "From 1 on."),
    worker_id: text,
    slot: count,
    state: z.enum(["assigned", "running", "lost", ...attemptOutcome.options]),
    assigned_at: time,
    started_at: z.nullable(time),
    duration_ms: z.nullable(duration),
    exit_code: z.nullable(z.int()),
    signal: z.nullable(text),
    counts: caseCounts,
    usage,
    log_bytes: count,
    error: z.nullable(failure),
  }),
  "One try of a task on one worker.",
);

const shortfall = named(
  "Shortfall",
  z.object({ requirement: text, asked: text, has: text }),
  "One requirement that a worker misses.",
);

const explanationShape = {
  summary: about(text, "One sentence."),
  workers: z.array(
    z.object({
      worker_id: text,
      verdict: z.enum(["fits", "busy", "not_available", "does_not_fit"]),
      reasons: z.array(shortfall),
    }),
  ),
};
export const explanation = named(
  "Explanation",
  z.object({ task_id: text, state: taskState, ...explanationShape }),
  "Why a task waits, worker by worker.",
);

const placedAttempt = named(
  "PlacedAttempt",
  z.object({
    attempt: count,
    worker_id: text,
    state: attemptView.shape.state,
    waited: z.array(z.object({ for: z.enum(["dependencies", "retry", "worker"]), ms: z.number() })),
    duration_ms: z.nullable(duration),
    reason: z.nullable(text),
  }),
  "An attempt as an explanation tells it: what came before it, where it went, how it ended.",
);

export const taskExplanation = named(
  "TaskExplanation",
  z.object({
    task_id: text,
    name: text,
    state: taskState,
    ...explanationShape,
    attempts: z.array(placedAttempt),
  }),
  "Why a task waits, or why it ran where it did.",
);

export const taskDetail = named(
  "TaskDetail",
  z.object({
    ...taskShape,
    config: z.record(text, z.unknown()),
    retried_as: about(z.nullable(text), "The task that repeats this one."),
    attempt_list: z.array(attemptView),
    explanation: z.nullable(explanation),
  }),
  "A task with its attempts. The environment it was given stays out: it may hold secrets.",
);

export const artifactView = named(
  "Artifact",
  z.object({
    task_id: text,
    attempt: count,
    is_final: about(z.boolean(), "Of the attempt with which the task ended."),
    path: about(text, "Relative to the folder that the task ran in."),
    sha256: text,
    size_bytes: count,
    is_kept: about(z.boolean(), "False once its bytes have been thinned out."),
  }),
  "A file that an attempt left.",
);
export const artifactList = named(
  "ArtifactList",
  z.object({ items: z.array(artifactView) }),
  "What the attempts of a task left.",
);

export const logMatches = named(
  "LogMatches",
  z.object({
    items: z.array(
      z.object({
        task_id: text,
        attempt: count,
        line: about(count, "From 1."),
        offset: about(count, "Of the line's first byte in the log."),
        text: about(text, "The line; of a long one the part around what was found, at most 1,024 bytes."),
        is_cut: about(z.boolean(), "The text is not the whole line."),
      }),
    ),
    searched_bytes: count,
    next_cursor: about(z.nullable(text), "Set when there may be more, also on a page without lines."),
  }),
  "Lines of logs that hold a text.",
);

export const workerView = named(
  "Worker",
  z.object({
    worker_id: text,
    incarnation: about(text, "Names the worker's process; another after a restart."),
    state: z.enum(["online", "suspect", "disconnected", "lost"]),
    cordoned: about(z.nullable(text), "Why it gets no new tasks; null when it does."),
    slots: count,
    busy: count,
    labels: z.record(text, text),
    capabilities,
    hw_class: text,
    registered_at: time,
    last_heard_seconds: z.nullable(z.number()),
    tasks: about(z.array(text), "Ids of those that it holds."),
    load: z.nullable(z.object({ cpu_share: z.number(), memory_free_mb: z.number() })),
  }),
  "A worker: what the log knows of it, and what was heard of it lately.",
);

const caseShape = {
  task_id: text,
  attempt: count,
  is_final: about(z.boolean(), "Of the attempt that counts."),
  case_number: count,
  test_id: about(text, "The same on every worker and in every run."),
  framework: text,
  file: text,
  name: text,
  parameters: z.nullable(text),
  outcome: caseOutcome,
  duration_ms: duration,
  message: z.nullable(text),
  detail: z.nullable(text),
  stdout: z.nullable(text),
  stderr: z.nullable(text),
  retries: z.nullable(count),
  expected_failure: z.nullable(z.boolean()),
  worker_id: text,
};

export const caseView = named("Case", z.object(caseShape), "One test case of an attempt.");

export const durationView = named(
  "Duration",
  z.object({
    file: text,
    duration_ms: duration,
    runs: about(count, "How many runs it is learned from."),
  }),
  "How long a file takes, as runs have taught.",
);

export const fileFailuresView = named(
  "FileFailures",
  z.object({
    file: text,
    failed_runs: about(count, "Of its last ten runs."),
    runs_since: about(count, "How many of its runs passed since; 0 when the last one failed."),
  }),
  "A file that failed lately.",
);

export const reusableCaseView = named(
  "ReusableCase",
  z.object({
    ...caseShape,
    run_id: text,
    hw_class: about(text, "The class of machine that it passed on."),
  }),
  "A case of a file that passed with the same inputs.",
);

export const dashboardView = named(
  "Dashboard",
  z.object({
    status: statusView,
    workers: z.array(workerView),
    tasks: z.array(taskView),
    runs: z.array(runView),
  }),
  "Everything that a first look needs: the newest tasks and runs, all workers.",
);

export const submitAnswer = named(
  "SubmitAnswer",
  z.object({
    run_id: text,
    task_ids: about(z.array(text), "In the order in which the tasks were given."),
    replayed: about(z.boolean(), "The answer to an earlier, equal request."),
  }),
  "What became of many tasks.",
);

const page = <T extends z.ZodMiniType>(id: string, item: T) =>
  named(
    id,
    z.object({
      items: z.array(item),
      next_cursor: about(z.nullable(text), "Where the next page begins; null on the last."),
    }),
    "One page of a list.",
  );

export const taskPage = page("TaskPage", taskView);
export const runPage = page("RunPage", runView);
export const casePage = page("CasePage", caseView);
export const workerList = named("WorkerList", z.array(workerView), "All workers.");
export const durationList = named(
  "DurationList",
  z.object({ items: z.array(durationView) }),
  "Learned durations.",
);
export const fileFailuresList = named(
  "FileFailuresList",
  z.object({ items: z.array(fileFailuresView) }),
  "Files that failed lately.",
);
export const reusableCaseList = named(
  "ReusableCaseList",
  z.object({ items: z.array(reusableCaseView) }),
  "Cases that passed with the same inputs.",
);

/** A value of the results as JSON: what no JSON number holds exactly is text. */
export type SqlValue = string | number | boolean | null | SqlValue[] | { [name: string]: SqlValue };

export const sqlAnswer = named(
  "SqlAnswer",
  z.object({
    columns: z.array(z.object({ name: text, type: about(text, "As DuckDB names it.") })),
    rows: about(
      z.array(z.array(z.unknown())),
      "In the order of the columns. What no JSON number holds exactly is text.",
    ),
    truncated: about(z.boolean(), "More rows or bytes were to come than are given."),
    stale_by: about(count, "Records of the log that the results did not hold yet."),
    elapsed_ms: duration,
    watermark: about(position, "The last record of the log that the answer was made from."),
  }),
  "What a SELECT found.",
);

export const rebuildStatus = named(
  "RebuildStatus",
  z.object({
    state: z.enum(["none", "running", "done", "failed"]),
    error: about(z.nullable(text), "Why it failed; the former file is back then."),
    report: z.nullable(
      z.object({
        watermark: about(position, "The last record of the log in the new file."),
        tables: about(
          z.record(text, z.object({ before: z.nullable(count), after: count })),
          "Rows of each table; before is null where the old file could not be read.",
        ),
        differing: about(
          z.nullable(z.array(text)),
          "Tables that held something else before; null where that cannot be told.",
        ),
      }),
    ),
  }),
  "The latest rebuild of the results since the coordinator started.",
);

export const exportStatus = named(
  "ExportStatus",
  z.object({
    export_id: text,
    state: z.enum(["running", "done", "failed"]),
    error: about(z.nullable(z.object({ code: text, message: text })), "Why it failed; no file is left then."),
    report: z.nullable(
      z.object({
        watermark: about(position, "Everything up to this record of the log is in the files."),
        tables: z.array(z.object({ name: text, rows: count, file: text, bytes: count })),
      }),
    ),
  }),
  "The tables of the results as files.",
);

export const missingHashes = named(
  "MissingHashes",
  z.object({ missing: z.array(text) }),
  "Hashes of blobs that the yard does not hold.",
);
export const storedCount = named("StoredCount", z.object({ stored: count }), "How many blobs were stored.");
export const storedBlob = named("StoredBlob", z.object({ sha256: text }), "A blob that is on disk.");
export const logSize = named("LogSize", z.object({ size: count }), "Bytes of the log that are stored.");

export const health = named("Health", z.object({ status: z.literal("ok") }), "The process lives.");
const readyCheck = z.object({
  name: z.enum(["leader", "log", "results", "disk"]),
  ready: z.boolean(),
  reason: about(text, "What was looked at, and what was found."),
});
export const readiness = named(
  "Readiness",
  z.object({ status: z.literal("ready"), checks: z.array(readyCheck) }),
  "Work is taken. Otherwise a problem `not_ready` has the same checks under `details`.",
);

export type ReadyCheck = z.infer<typeof readyCheck>;
export type StatusView = z.infer<typeof statusView>;
export type RunView = z.infer<typeof runView>;
export type TaskView = z.infer<typeof taskView>;
export type SubmittedTask = z.infer<typeof submittedTask>;
export type AttemptView = z.infer<typeof attemptView>;
export type TaskDetail = z.infer<typeof taskDetail>;
export type Explanation = z.infer<typeof explanation>;
export type TaskExplanation = z.infer<typeof taskExplanation>;
export type PlacedAttempt = z.infer<typeof placedAttempt>;
export type WorkerView = z.infer<typeof workerView>;
export type LogMatches = z.infer<typeof logMatches>;
export type LogMatch = LogMatches["items"][number];
export type ArtifactView = z.infer<typeof artifactView>;
export type CaseView = z.infer<typeof caseView>;
export type FileFailures = z.infer<typeof fileFailuresView>;
export type ReusableCase = z.infer<typeof reusableCaseView>;
export type DurationView = z.infer<typeof durationView>;
export type SqlAnswer = Omit<z.infer<typeof sqlAnswer>, "rows"> & { rows: SqlValue[][] };
export type ExportStatus = z.infer<typeof exportStatus>;
export type RebuildStatus = z.infer<typeof rebuildStatus>;
export type DashboardView = z.infer<typeof dashboardView>;
export type SubmitAnswer = z.infer<typeof submitAnswer>;

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}
