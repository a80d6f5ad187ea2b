import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemoryLog, decodeRecord, type EventLog } from "../log/index.ts";
import { type Database, openDatabase } from "./database.ts";
import { select } from "./dump.testing.ts";
import {
  attempt,
  claim,
  CLUSTER,
  createHistory,
  document,
  type History,
  putBlob,
  reportedCase,
  result,
  spec,
  submit,
  worker,
} from "./history.testing.ts";
import { createProjection, type Projection } from "./projection.ts";
import { TABLE_NAMES, TABLES } from "./schema.ts";

let log: EventLog;
let history: History;
let db: Database;
let projection: Projection;
let run_id: string;

beforeEach(async () => {
  log = createMemoryLog();
  history = createHistory(log);
  db = await openDatabase(":memory:", { clusterId: CLUSTER });
  projection = await createProjection({ db, readBlob: async (hash) => history.blobs.get(hash) ?? null });
  run_id = await history.begin();
});

afterEach(() => {
  projection.close();
  db.close();
});

async function project(): Promise<void> {
  const records = [];
  for await (const stored of log.read(projection.watermark.position + 1)) {
    records.push({ record: decodeRecord(stored), hash: stored.hash });
  }
  await projection.apply(records);
}

async function rows(sql: string): Promise<Record<string, unknown>[]> {
  await project();
  return select(db.writer, sql);
}

async function oneTask(change: Parameters<typeof spec>[2] = {}): Promise<string> {
  const id = history.id();
  await history.run(submit(run_id, [spec(id, run_id, change)]));
  return id;
}

describe("tasks", () => {
  it("shows a task as open from its seal until its end, with its times in UTC", async () => {
    const id = await oneTask();
    const sealedAt = history.now;
    expect(await rows("SELECT task_id, state, ended_at, epoch_ms(submitted_at) AS at FROM tasks")).toEqual([
      { task_id: id, state: "open", ended_at: null, at: String(sealedAt) },
    ]);
    await attempt(history, id, result());
    expect(await rows("SELECT state, epoch_ms(ended_at) AS at, last_attempt, worker_id FROM tasks")).toEqual([
      { state: "completed", at: String(history.now), last_attempt: "1", worker_id: "w1" },
    ]);
  });

  it("keeps the environment of a task out of the file", async () => {
    await oneTask();
    expect(await rows("SELECT config, workspace FROM task_specs")).toEqual([
      { config: '{"test_file":"a.test.ts"}', workspace: null },
    ]);
  });

  it("knows nothing of tasks whose submission was left unsealed", async () => {
    const id = history.id();
    const shared = { submission_id: "s", v: 1 } as const;
    const open = { run_id, project: "shop", first_task_id: id, count: 1, idempotency: null };
    await history.append([{ type: "SubmissionOpened", ...shared, ...open }]);
    await history.append([{ type: "TasksAdded", ...shared, tasks: [spec(id, run_id)], resolved: {} }]);
    await history.run(claim(2));
    await history.append([{ type: "SubmissionSealed", ...shared }]);
    expect(await rows("SELECT * FROM task_specs")).toEqual([]);
    expect(await rows("SELECT * FROM submissions")).toEqual([]);
  });

  it("ends the tasks that wait for a failed one as skipped, and says for which", async () => {
    const [first, second] = [history.id(), history.id()].sort() as [string, string];
    const dependent = spec(second, run_id, { dependencies: [first] });
    await history.run(submit(run_id, [spec(first, run_id), dependent]));
    await attempt(history, first, result({ outcome: "failed", exit_code: 1 }));
    expect(await rows("SELECT state, reason, worker_id FROM tasks ORDER BY task_id")).toEqual([
      { state: "failed", reason: null, worker_id: "w1" },
      { state: "skipped", reason: `dependency ${first} ended as failed`, worker_id: null },
    ]);
  });
});

describe("attempts", () => {
  it("has one row for each attempt, and marks the one with which the task ended", async () => {
    const id = await oneTask({ max_retries: 1 });
    const failed = document([reportedCase("a", { outcome: "failed" })]);
    await attempt(history, id, result({ outcome: "failed", exit_code: 1, document: failed }));
    await attempt(history, id, result({ document: document([reportedCase("a")]) }));
    expect(await rows("SELECT attempt, outcome, next, is_final FROM attempts ORDER BY attempt")).toEqual([
      { attempt: "1", outcome: "failed", next: "retry", is_final: false },
      { attempt: "2", outcome: "passed", next: "completed", is_final: true },
    ]);
    expect(await rows("SELECT attempt, outcome, is_final FROM cases ORDER BY attempt")).toEqual([
      { attempt: "1", outcome: "failed", is_final: false },
      { attempt: "2", outcome: "passed", is_final: true },
    ]);
  });

  it("counts a late result as refused, and its cases not at all", async () => {
    const id = await oneTask();
    await history.run({ type: "assign_task", task_id: id, worker_id: "w1" });
    await history.run({ type: "cancel_task", task_id: id, reason: "enough" });
    const late = result({ document: document([reportedCase("a")]) });
    const who = { task_id: id, attempt: 1, worker_id: "w1", incarnation: "w1-a" };
    await history.run({ type: "finish_attempt", ...who, result: late });
    expect(await rows("SELECT outcome, code FROM refused_results")).toEqual([
      { outcome: "passed", code: "stale_attempt" },
    ]);
    expect(await rows("SELECT outcome, error_message FROM attempts")).toEqual([
      { outcome: "cancelled", error_message: "enough" },
    ]);
    expect(await rows("SELECT * FROM cases")).toEqual([]);
  });

  it("joins the hardware class of the incarnation that ran it, not of a later one", async () => {
    const id = await oneTask();
    await attempt(history, id, result({ document: document([reportedCase("a")]) }));
    await history.run({ ...worker("w1", "w1-b"), hw_class: "v1-other" });
    expect(await rows("SELECT hw_class, hostname FROM attempts_with_hardware")).toEqual([
      { hw_class: "v1-w1", hostname: "w1.local" },
    ]);
    expect(await rows("SELECT hw_class FROM cases_with_hardware")).toEqual([{ hw_class: "v1-w1" }]);
    expect(await rows("SELECT incarnation, hw_class, state FROM worker_latest")).toEqual([
      { incarnation: "w1-b", hw_class: "v1-other", state: "online" },
    ]);
  });
});

describe("a run", () => {
  it("has a row for each of its ends, and its deliveries one for how they ended", async () => {
    await history.run({ type: "add_webhook", webhook_id: "h", url: "https://example.com", run_id: null });
    await attempt(history, await oneTask(), result({}));
    const [delivery_id = ""] = history.state.deliveries.keys();
    const outcome = { kind: "given_up", code: "webhook_answer", reason: "500", attempts: 3 } as const;
    await history.run({ type: "settle_delivery", delivery_id, outcome });
    await attempt(history, await oneTask(), result({ outcome: "failed" }));
    expect(await rows("SELECT run_id, ended, total, completed, failed, verdict FROM run_ends")).toEqual([
      { run_id, ended: "1", total: "1", completed: "1", failed: "0", verdict: "passed" },
      { run_id, ended: "2", total: "2", completed: "1", failed: "1", verdict: "failed" },
    ]);
    expect(await rows("SELECT delivery_id, outcome, code, attempts FROM webhook_deliveries")).toEqual([
      { delivery_id, outcome: "given_up", code: "webhook_answer", attempts: "3" },
    ]);
  });

  it("that a schedule starts is named with its time", async () => {
    const name = "nightly";
    const when = { cron: "0 3 * * *", timezone: "UTC", overlap: "skip" } as const;
    await history.run({ type: "set_schedule", name, project: "default", ...when, tasks: "[]" });
    const due_at = history.now + 1;
    await history.run(worker("w1", "w1-b"));
    await history.run({ type: "skip_schedule", name, due_at, cause: "missed", reason: "too late" });
    expect(await rows("SELECT schedule, outcome, run_id, reason FROM schedule_times")).toEqual([
      { schedule: name, outcome: "missed", run_id: null, reason: "too late" },
    ]);
  });
});

it("follows a worker through loss, return and cordon in worker_latest", async () => {
  const latest = "SELECT state, cordoned FROM worker_latest";
  await history.run({ type: "lose_worker", worker_id: "w1", incarnation: "w1-a", reason: "silent" });
  expect(await rows(latest)).toEqual([{ state: "lost", cordoned: false }]);
  await history.run(worker("w1", "w1-b"));
  await history.run({ type: "cordon_worker", worker_id: "w1", by: "operator", reason: "hot" });
  expect(await rows(latest)).toEqual([{ state: "online", cordoned: true }]);
  await history.run({ type: "uncordon_worker", worker_id: "w1" });
  expect(await rows(latest)).toEqual([{ state: "online", cordoned: false }]);
  await history.run({ type: "cordon_worker", worker_id: "w1", by: "worker", reason: "drains" });
  expect(await rows(latest)).toEqual([{ state: "online", cordoned: true }]);
  await history.run(worker("w1", "w1-c"));
  expect(await rows(latest)).toEqual([{ state: "online", cordoned: false }]);
});

describe("documents", () => {
  it("reads cases and metrics from a blob, with the project of the run", async () => {
    const id = await oneTask();
    const metrics = [{ name: "p95", value: 1.5, unit: "ms", better: "lower" as const }];
    const blob = putBlob(history, document([reportedCase("a"), reportedCase("a")], { metrics }));
    await attempt(history, id, result({ document: blob }));
    expect(
      await rows("SELECT project, name, case_number, framework FROM cases ORDER BY case_number"),
    ).toEqual([
      { project: "shop", name: "a", case_number: "0", framework: "vitest" },
      { project: "shop", name: "a", case_number: "1", framework: "vitest" },
    ]);
    expect(await rows("SELECT name, value, unit, better FROM metrics")).toEqual([
      { name: "p95", value: 1.5, unit: "ms", better: "lower" },
    ]);
  });

  it.each([
    ["a blob that is not in the store", { blob: "f".repeat(64) }, "document_missing"],
    ["text that is no JSON", '{"format":1,', "document_unreadable"],
    ["JSON that is no result document", '{"format":2}', "document_unreadable"],
    ["a number beyond all bounds", '{"format":1,"x":1e999}', "document_unreadable"],
  ])("makes a note of %s and goes on", async (_, broken, kind) => {
    const id = await oneTask();
    await attempt(history, id, result({ document: broken }));
    expect(await rows("SELECT kind, task_id, attempt FROM notes")).toEqual([
      { kind, task_id: id, attempt: "1" },
    ]);
    expect(await rows("SELECT state FROM tasks")).toEqual([{ state: "completed" }]);
    expect(await rows("SELECT * FROM cases")).toEqual([]);
  });

  it("makes a note when the store fails to read a blob", async () => {
    projection.close();
    const readBlob = () => Promise.reject(new Error("damaged"));
    projection = await createProjection({ db, readBlob });
    const id = await oneTask();
    await attempt(history, id, result({ document: putBlob(history, document([])) }));
    expect(await rows("SELECT kind FROM notes WHERE message LIKE '%damaged%'")).toEqual([
      { kind: "document_missing" },
    ]);
  });
});

describe("hostile text", () => {
  const HOSTILE = [
    "nul \0 inside",
    "half \ud800 pair",
    "\udc00",
    "'; DROP TABLE runs; --",
    "\u001b[31m",
    "😀",
    "",
  ];

  it("keeps every name, halves of surrogate pairs replaced", async () => {
    const ids = HOSTILE.map(() => history.id()).sort();
    const tasks = HOSTILE.map((name, i) => spec(ids[i] ?? "", run_id, { name }));
    await history.run(submit(run_id, tasks));
    const found = await rows("SELECT name FROM task_specs ORDER BY task_id");
    expect(found.map((row) => row["name"])).toEqual(HOSTILE.map((name) => Buffer.from(name).toString()));
  });

  it.each([
    ["escaped halves of surrogate pairs", '{"config":{"\\ud800":"\\udfff x","b":"\\\\ud800"}}'],
    ["escaped NUL", '{"config":{"a":"\\u0000"}}'],
    ["a whole pair, escaped", '{"config":{"a":"\\ud83d\\ude00"}}'],
  ])("stores a config with %s as JSON that DuckDB can query", async (_, payload) => {
    await oneTask({ payload });
    expect(await rows("SELECT json_valid(config) AS valid FROM task_specs")).toEqual([{ valid: true }]);
    // Reaches into every row: one malformed text would fail the query.
    await expect(rows("SELECT config->>'a', json_keys(config) FROM task_specs")).resolves.toHaveLength(1);
  });

  it.each(["{not json", "[1]", '"x"', "", '{"config":1e999}', "[".repeat(40) + "]".repeat(40)])(
    "makes a note of the payload %s and keeps the task",
    async (payload) => {
      await oneTask({ payload });
      expect(await rows("SELECT config FROM task_specs")).toEqual([{ config: null }]);
      expect(await rows("SELECT kind FROM notes")).toEqual([{ kind: "payload_unreadable" }]);
    },
  );

  it("stores numbers that no column can hold as NULL", async () => {
    const id = await oneTask();
    await attempt(history, id, result({ started_at: 1e300, exit_code: 0.5, log_bytes: 2 ** 60 }));
    expect(await rows("SELECT started_at, exit_code, log_bytes, outcome FROM attempts")).toEqual([
      { started_at: null, exit_code: null, log_bytes: null, outcome: "passed" },
    ]);
  });
});

it("can be asked for every column without quotes", async () => {
  for (const table of TABLE_NAMES) {
    await expect(
      rows(`SELECT ${Object.keys(TABLES[table]).join(", ")} FROM ${table}`),
    ).resolves.toBeDefined();
  }
});

it("refuses a record that does not follow the watermark, and everything after it", async () => {
  await project();
  const record = decodeRecord({ ...(await newest()) });
  await expect(projection.apply([{ record, hash: "x" }])).rejects.toThrow(/follows/);
  await expect(projection.apply([])).rejects.toThrow(/follows/);
});

async function newest() {
  for await (const stored of log.read(history.tip.position)) return stored;
  throw new Error("the log is empty");
}
