/**
 * The tables, as people find them who open the file with the DuckDB shell.
 *
 * Every table only grows: a task is one row when it is sealed and one when it ends, an attempt is one row
 * when it is over. Changing rows in place costs DuckDB many times an append, and only appends keep up with
 * tens of thousands of tasks a second; the views put the halves together again. No indexes and no constraints
 * for the same reason: ids are ULIDs and arrive nearly sorted, so DuckDB's own block statistics find them.
 *
 * Times are TIMESTAMP in UTC. A JSON column holds valid JSON or NULL, always: one bad row would break every
 * later query of the column.
 */
export const FORMAT = "2";

const TYPES = {
  text: "VARCHAR",
  json: "JSON",
  int: "BIGINT",
  double: "DOUBLE",
  bool: "BOOLEAN",
  time: "TIMESTAMP",
} as const;

export type Kind = keyof typeof TYPES;

interface ValueOf {
  text: string;
  /** Text that `toJson` or `storableJson` made. */
  json: string;
  int: number;
  double: number;
  bool: boolean;
  /** Milliseconds since 1970. */
  time: number;
}

export const TABLES = {
  runs: { run_id: "text", project: "text", run_key: "text", name: "text", opened_at: "time" },
  run_ends: {
    run_id: "text",
    ended: "int",
    ended_at: "time",
    log_position: "int",
    total: "int",
    completed: "int",
    failed: "int",
    timed_out: "int",
    cancelled: "int",
    skipped: "int",
    verdict: "text",
  },
  webhook_deliveries: {
    recorded_at: "time",
    delivery_id: "text",
    webhook_id: "text",
    run_id: "text",
    outcome: "text",
    http_status: "int",
    code: "text",
    reason: "text",
    attempts: "int",
  },
  schedule_times: {
    recorded_at: "time",
    schedule: "text",
    due_at: "time",
    outcome: "text",
    run_id: "text",
    reason: "text",
  },
  submissions: {
    submission_id: "text",
    project: "text",
    run_id: "text",
    first_task_id: "text",
    task_count: "int",
    idempotency_key: "text",
    body_hash: "text",
    sealed_at: "time",
  },
  task_specs: {
    task_id: "text",
    run_id: "text",
    project: "text",
    submission_id: "text",
    name: "text",
    type: "text",
    priority: "int",
    requirements: "json",
    cpu_milli: "int",
    memory_mb: "int",
    gpu_count: "int",
    timeout_ms: "int",
    max_retries: "int",
    retry_delay_ms: "int",
    dependencies: "json",
    estimate_ms: "double",
    retry_of: "text",
    config: "json",
    workspace: "text",
    payload_blob: "text",
    submitted_at: "time",
  },
  task_ends: {
    task_id: "text",
    run_id: "text",
    state: "text",
    reason: "text",
    ended_at: "time",
    log_position: "int",
    attempt: "int",
    worker_id: "text",
    incarnation: "text",
  },
  attempts: {
    task_id: "text",
    run_id: "text",
    attempt: "int",
    worker_id: "text",
    incarnation: "text",
    slot: "int",
    gpus: "json",
    assigned_at: "time",
    started_at: "time",
    ended_at: "time",
    duration_ms: "double",
    outcome: "text",
    is_final: "bool",
    next: "text",
    exit_code: "int",
    signal: "text",
    cpu_ms: "double",
    max_rss_bytes: "int",
    cases_passed: "int",
    cases_failed: "int",
    cases_skipped: "int",
    cases_error: "int",
    log_bytes: "int",
    error_code: "text",
    error_message: "text",
    document_blob: "text",
  },
  cases: {
    project: "text",
    run_id: "text",
    task_id: "text",
    attempt: "int",
    is_final: "bool",
    case_number: "int",
    test_id: "text",
    framework: "text",
    file: "text",
    name: "text",
    parameters: "text",
    outcome: "text",
    duration_ms: "double",
    message: "text",
    detail: "text",
    stdout: "text",
    stderr: "text",
    retries: "int",
    expected_failure: "bool",
    worker_id: "text",
    incarnation: "text",
    recorded_at: "time",
  },
  metrics: {
    project: "text",
    run_id: "text",
    task_id: "text",
    attempt: "int",
    is_final: "bool",
    framework: "text",
    name: "text",
    value: "double",
    unit: "text",
    better: "text",
    worker_id: "text",
    incarnation: "text",
    recorded_at: "time",
  },
  artifacts: {
    project: "text",
    run_id: "text",
    task_id: "text",
    attempt: "int",
    is_final: "bool",
    path: "text",
    sha256: "text",
    size_bytes: "int",
    worker_id: "text",
    incarnation: "text",
    recorded_at: "time",
  },
  workers: {
    recorded_at: "time",
    worker_id: "text",
    change: "text",
    incarnation: "text",
    reason: "text",
    cordoned_by: "text",
    slots: "int",
    hw_class: "text",
    hostname: "text",
    os: "text",
    arch: "text",
    cpu_model: "text",
    logical_cores: "int",
    memory_mb: "int",
    labels: "json",
    capabilities: "json",
  },
  refused_results: {
    recorded_at: "time",
    task_id: "text",
    attempt: "int",
    worker_id: "text",
    outcome: "text",
    code: "text",
  },
  leaders: {
    claimed_at: "time",
    epoch: "int",
    coordinator_id: "text",
    incarnation: "text",
    host: "text",
    pid: "int",
  },
  notes: {
    recorded_at: "time",
    log_position: "int",
    kind: "text",
    task_id: "text",
    attempt: "int",
    message: "text",
  },
} as const satisfies Record<string, Record<string, Kind>>;

export type TableName = keyof typeof TABLES;
type Columns<T extends TableName> = (typeof TABLES)[T];

/** One row, every column named. */
export type Row<T extends TableName> = {
  [C in keyof Columns<T>]: Columns<T>[C] extends Kind ? ValueOf[Columns<T>[C]] | null : never;
};

export const TABLE_NAMES = Object.keys(TABLES) as TableName[];

const VIEWS: Readonly<Record<string, string>> = {
  tasks: `
    SELECT s.*, coalesce(e.state, 'open') AS state, e.reason, e.ended_at,
           e.attempt AS last_attempt, e.worker_id, e.incarnation
    FROM task_specs s LEFT JOIN task_ends e USING (task_id)`,
  // rowid is the order of arrival in a table that only grows.
  worker_incarnations: `
    SELECT incarnation, arg_max(worker_id, rowid) AS worker_id, arg_max(hw_class, rowid) AS hw_class,
           arg_max(hostname, rowid) AS hostname, arg_max(os, rowid) AS os, arg_max(arch, rowid) AS arch,
           arg_max(cpu_model, rowid) AS cpu_model, arg_max(logical_cores, rowid) AS logical_cores,
           arg_max(memory_mb, rowid) AS memory_mb, min(recorded_at) AS registered_at
    FROM workers WHERE change = 'registered' GROUP BY incarnation`,
  worker_latest: `
    WITH last AS (
      SELECT worker_id,
             arg_max(incarnation, rowid) FILTER (change = 'registered') AS incarnation,
             arg_max(change, rowid) FILTER (change IN ('registered', 'lost')) AS change,
             arg_max(change = 'cordoned', rowid) FILTER (change IN ('cordoned', 'uncordoned')) AS cordoned,
             arg_max(cordoned_by, rowid) FILTER (change = 'cordoned') AS cordoned_by,
             max(rowid) FILTER (change = 'cordoned') AS cordoned_row,
             max(rowid) FILTER (change = 'registered') AS registered_row,
             arg_max(slots, rowid) FILTER (change = 'registered') AS slots,
             arg_max(labels, rowid) FILTER (change = 'registered') AS labels,
             arg_max(capabilities, rowid) FILTER (change = 'registered') AS capabilities,
             max(recorded_at) AS changed_at
      FROM workers GROUP BY worker_id)
    SELECT l.worker_id, incarnation, CASE l.change WHEN 'lost' THEN 'lost' ELSE 'online' END AS state,
           -- A cordon by the worker itself ends with its process.
           coalesce(l.cordoned AND (l.cordoned_by = 'operator' OR l.cordoned_row > l.registered_row), false)
             AS cordoned,
           l.slots, i.hw_class, i.hostname, i.os, i.arch, i.cpu_model,
           i.logical_cores, i.memory_mb, i.registered_at, l.changed_at, l.labels, l.capabilities
    FROM last l LEFT JOIN worker_incarnations i USING (incarnation)`,
  attempts_with_hardware: `
    SELECT a.*, i.hw_class, i.hostname, i.cpu_model
    FROM attempts a LEFT JOIN worker_incarnations i USING (incarnation)`,
  cases_with_hardware: `
    SELECT c.*, i.hw_class, i.hostname, i.cpu_model
    FROM cases c LEFT JOIN worker_incarnations i USING (incarnation)`,
};

const TABLE_COMMENTS: Readonly<Record<TableName, string>> = {
  runs: "what belongs together: one testyard run, or tasks submitted under one key",
  run_ends: "one row for each end of a run: more than one where tasks were added after an end",
  webhook_deliveries: "how each telling of the end of a run to a webhook came out",
  schedule_times: "times of schedules that came, and what they started",
  submissions: "one row for each accepted submission of one or many tasks",
  task_specs: "what each task was submitted as; how it ended stands in task_ends, both in tasks",
  task_ends: "one row for each task that has ended",
  attempts: "one row for each try of a task that is over, lost ones included",
  cases: "the single test cases that attempts reported",
  metrics: "the measurements that attempts reported",
  artifacts: "the files that attempts left, by the hash of their content",
  workers: "what happened to workers: registered, lost, cordoned, uncordoned",
  refused_results: "results that came too late or from the wrong worker, kept as evidence",
  leaders: "each start of a coordinator",
  notes: "what could not be shown as it was submitted or reported",
};

const VIEW_COMMENTS: Readonly<Record<string, string>> = {
  tasks: "task_specs with how each ended; state is open until it has",
  worker_incarnations: "each start of a worker and the hardware that it ran on",
  worker_latest: "each worker as it was last seen",
  attempts_with_hardware: "attempts with the hardware class, host and CPU that they ran on",
  cases_with_hardware: "cases with the hardware class, host and CPU that they ran on",
};

const COMMENTS: Readonly<Record<string, string>> = {
  "submissions.first_task_id": "ids of the others follow it without a gap",
  "task_specs.requirements": "where it may run",
  "task_specs.workspace": "SHA-256 of the manifest of its files",
  "task_specs.retry_of": "the ended task that this one repeats",
  "task_ends.state": "completed, failed, timed_out, cancelled or skipped",
  "task_ends.reason": "in words; NULL when there is nothing to say",
  "task_ends.log_position": "of the record in the log that ended it",
  "attempts.duration_ms": "of its processes, by the clock of the worker",
  "attempts.incarnation": "which start of the worker; names its hardware in worker_incarnations",
  "attempts.document_blob": "SHA-256 of the result document, when it was too large for the log",
  "cases.test_id": "stable over runs: the same case has the same id",
  "cases.outcome": "passed, failed, skipped or error",
  "metrics.better": "lower or higher; NULL when nobody said",
  "workers.hw_class": "hardware that is alike has the same class",
  "run_ends.ended": "1 for the first end of the run; tasks submitted later made it end again",
  "run_ends.verdict": "passed, failed or cancelled",
  "webhook_deliveries.outcome": "delivered or given_up",
  "schedule_times.outcome": "fired by time or hand, or why it started nothing: overlap, missed, refused",
  "attempts.started_at": "by the clock of the worker; NULL when the attempt never reported",
  "attempts.outcome": "passed, failed, timed_out, cancelled, infrastructure, or lost with its worker",
  "attempts.is_final": "the task ended with this attempt; no other attempt of it counts",
  "attempts.next": "the state in which the task went on: an end state, retry or poisoned",
  "cases.is_final": "reported by the attempt with which the task ended",
  "cases.case_number": "place in the report, from 0; equal names are told apart by it",
  "artifacts.path": "relative to the folder that the task ran in",
  "artifacts.sha256": "names the bytes in the blob store, for as long as they are kept",
  "metrics.is_final": "reported by the attempt with which the task ended",
  "task_specs.config": "what the task was submitted with, without its environment; NULL when it is a blob",
  "notes.kind": "what could not be shown as submitted or reported, and why",
};

export function createStatements(): string[] {
  const tables = TABLE_NAMES.map((table) => {
    const columns = Object.entries(TABLES[table]).map(([name, kind]) => `${name} ${TYPES[kind]}`);
    return `CREATE TABLE ${table} (${columns.join(", ")})`;
  });
  const views = Object.entries(VIEWS).map(([name, sql]) => `CREATE VIEW ${name} AS ${sql}`);
  const comments = [
    ...commentsOn("TABLE", TABLE_COMMENTS),
    ...commentsOn("VIEW", VIEW_COMMENTS),
    ...commentsOn("COLUMN", COMMENTS),
  ];
  return ["CREATE TABLE meta (key VARCHAR, value VARCHAR)", ...tables, ...views, ...comments];
}

function commentsOn(kind: string, comments: Readonly<Record<string, string>>): string[] {
  return Object.entries(comments).map(([name, text]) => `COMMENT ON ${kind} ${name} IS '${text}'`);
}
