/**
 * What people's SQL may do, what it may not, and that neither harms the file or who writes it. One file for
 * all tests: whatever a query manages to change, a later test sees.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { createSqlRunner, type SqlOptions, type SqlRequest } from "./sql.ts";

let dir: string;
let db: Database;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "testyard-sql-"));
  db = await openDatabase(join(dir, "results.duckdb"), { clusterId: "c", exportDir: join(dir, "exports") });
  await db.writer.run("INSERT INTO runs SELECT 'r' || i, 'shop', NULL, 'run', NULL FROM range(100) t(i)");
});

afterAll(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(sql: string, more: Partial<SqlRequest> = {}, options: SqlOptions = {}) {
  const request = { sql, parameters: [], limit: 10_000, ...more };
  const { rows, ...answer } = await createSqlRunner(db.visitor, options).run(request);
  return { ...answer, rows: JSON.parse(Buffer.from(rows).toString()) as unknown[][] };
}

async function refusal(sql: string, options: SqlOptions = {}): Promise<{ code: string; message: string }> {
  try {
    await ask(sql, {}, options);
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error(`it was answered: ${sql}`);
}

describe("takes", () => {
  it.each([
    "SELECT count(*) FROM runs",
    "/* a word */ WITH r AS (SELECT * FROM runs) SELECT count(*) FROM r;",
    "FROM runs LIMIT 1",
    "VALUES (1)",
    "DESCRIBE runs",
    "SHOW TABLES",
    "SUMMARIZE runs",
    "SELECT * FROM range(3)",
    "SELECT * FROM duckdb_columns() LIMIT 1",
    "EXPLAIN SELECT * FROM runs",
    "/* a */ explain -- b\n select 1",
  ])("%s", async (sql) => {
    expect((await ask(sql)).rows.length).toBeGreaterThan(0);
  });

  it("parameters, in order", async () => {
    const { rows } = await ask("SELECT ?, ?, ?, ?", { parameters: ["a\0b", 2, null, true] });
    expect(rows).toEqual([["a\0b", 2, null, true]]);
    await expect(ask("SELECT ?")).rejects.toMatchObject({ code: "sql_refused" });
  });
});

describe("refuses", () => {
  it.each([
    "INSERT INTO runs VALUES ('x', 'x', 'x', 'x', NULL)",
    "UPDATE runs SET name = 'x'",
    "DELETE FROM runs",
    "MERGE INTO runs USING runs AS other ON runs.run_id = other.run_id WHEN MATCHED THEN DELETE",
    "DROP TABLE runs",
    "CREATE TABLE other AS SELECT 1",
    "CREATE TEMP TABLE other AS SELECT 1",
    "COPY runs TO 'DIR/exports/runs.csv'",
    "COPY (SELECT 1) TO 'DIR/exports/one.csv'",
    "EXPORT DATABASE 'DIR/exports/all'",
    "ATTACH 'DIR/other.duckdb'",
    "PRAGMA memory_limit='4GB'",
    "PRAGMA table_info('runs')",
    "SET threads = 64",
    "SET enable_external_access = true",
    "CALL enable_logging()",
    "CHECKPOINT",
    "VACUUM",
    "LOAD json",
    "INSTALL httpfs",
    "BEGIN",
    "PREPARE p AS DELETE FROM runs",
    "SELECT 1; SELECT 2",
    "SELECT 1; DELETE FROM runs",
    "EXPLAIN DELETE FROM runs",
    "EXPLAIN ANALYZE DELETE FROM runs",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN (ANALYZE) SELECT 1",
    "EXPLAIN SELECT 1; DELETE FROM runs",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM enable_logging()",
    "SELECT * FROM query('SELECT * FROM enable_logging()')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT json_serialize_plan('SELECT * FROM read_csv(''DIR/exports/a.csv'')')",
    "SELECT setseed(0.5)",
    "SELECT write_log('x')",
    "SELECT 1\0; DELETE FROM runs",
    "",
    "-- nothing",
  ])("%s", async (sql) => {
    const { code } = await refusal(sql.replaceAll("DIR", dir));
    expect(["sql_refused", "sql_failed"]).toContain(code);
    expect((await db.reader.runAndReadAll("SELECT count(*)::INT FROM runs")).getRows()).toEqual([[100]]);
    expect(existsSync(join(dir, "exports"))).toBe(false);
  });

  it.each([
    "WITH gone AS (DELETE FROM runs RETURNING *) SELECT * FROM gone",
    "SELECT getenv('HOME')",
    "SELECT * FROM '/etc/passwd'",
    "SELEC 1",
    "SELECT nothing FROM runs",
  ])("what cannot be: %s", async (sql) => {
    expect((await refusal(sql)).code).toBe("sql_failed");
  });

  it("what is nested too deep or is too long", async () => {
    const brackets = `SELECT ${"(".repeat(30_000)}1${")".repeat(30_000)}`;
    const sum = `SELECT ${"1+".repeat(30_000)}1`;
    for (const sql of [brackets, sum]) expect((await refusal(sql)).code).toBe("sql_failed");
    expect((await refusal(`SELECT '${"x".repeat(100_000)}'`)).code).toBe("sql_refused");
  });

  it("cannot write even where every gate were open", async () => {
    await db.visitor.run("BEGIN TRANSACTION READ ONLY");
    await expect(db.visitor.run("DELETE FROM runs")).rejects.toThrow(/read-only/);
    await db.visitor.run("ROLLBACK");
    await expect(db.visitor.run("SET threads = 8")).rejects.toThrow(/locked/);
    await expect(db.visitor.run("SELECT * FROM read_text('/etc/passwd')")).rejects.toThrow(/Permission/);
    await expect(db.visitor.run(`COPY runs TO '${dir}/elsewhere.csv'`)).rejects.toThrow(/Permission/);
  });
});

describe("limits", () => {
  it("rows, and says that there were more", async () => {
    expect(await ask("SELECT * FROM runs", { limit: 3 })).toMatchObject({ truncated: true });
    const endless = await ask("SELECT * FROM range(1000000000000)", { limit: 5 });
    expect(endless).toMatchObject({ truncated: true, rows: [[0], [1], [2], [3], [4]] });
    expect(await ask("SELECT * FROM runs", { limit: 100 })).toMatchObject({ truncated: false });
  });

  it("bytes, and says that there were more", async () => {
    const { rows, truncated } = await ask("SELECT repeat('x', 1000000 + range::INT) FROM range(100)");
    expect(truncated).toBe(true);
    expect(rows.length).toBe(16);
  });

  it.each([
    "SELECT count(*) FROM range(1000000) a, range(1000000) b",
    "WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r) SELECT * FROM r",
  ])("time: %s", async (sql) => {
    expect(await refusal(sql, { limits: { timeoutMs: 200 } })).toMatchObject({ code: "sql_timeout" });
    expect((await ask("SELECT 1")).rows).toEqual([[1]]);
  });

  it("the patience of who asks: the query ends with them, also while it waits its turn", async () => {
    const runner = createSqlRunner(db.visitor, { limits: { timeoutMs: 60_000 } });
    const asker = new AbortController();
    const sql = "SELECT count(*) FROM range(1000000) a, range(1000000) b";
    const asked = [sql, "SELECT 1"].map((each) =>
      runner.run({ sql: each, parameters: [], limit: 1 }, { signal: asker.signal }),
    );
    asker.abort();
    for (const each of await Promise.allSettled(asked)) {
      expect(each).toMatchObject({ status: "rejected", reason: { code: "results_unavailable" } });
    }
    expect((await ask("SELECT 1")).rows).toEqual([[1]]);
  });

  it("memory, while the writer goes on", async () => {
    const sql = "SELECT string_agg(repeat('x', 1000000), '') FROM range(10000)";
    const [{ code }] = await Promise.all([
      refusal(sql, { limits: { timeoutMs: 60_000 } }),
      db.writer.run("INSERT INTO leaders VALUES (NULL, 1, 'a', 'b', 'c', 1)"),
    ]);
    expect(code).toBe("sql_memory");
    expect((await ask("SELECT count(*) FROM leaders")).rows).toEqual([[1]]);
  });

  it("memory that DuckDB does not count: the query is given up and the owner told", async () => {
    const told: string[] = [];
    const limits = { rssBytes: 1 };
    const onDeaf = (broken: string) => told.push(broken);
    const other = await openDatabase(":memory:", { clusterId: "c" });
    const runner = createSqlRunner(other.visitor, { limits, onDeaf });
    const sql = "SELECT count(*) FROM range(100000) a, range(100000) b";
    await expect(runner.run({ sql, parameters: [], limit: 1 })).rejects.toMatchObject({ code: "sql_memory" });
    expect(told).toEqual(["sql_memory"]);
    other.close();
  });
});

it.each([
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", "9007199254740992"],
  ["(-9007199254740993)", "-9007199254740993"],
  ["170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"],
  ["0.10::DECIMAL(20,2)", "0.10"],
  ["'NaN'::DOUBLE", "NaN"],
  ["'-inf'::DOUBLE", "-Infinity"],
  ["0.1::DOUBLE + 0.2::DOUBLE", 0.30000000000000004],
  ["NULL", null],
  ["true", true],
  ["TIMESTAMP '2026-01-02 03:04:05.123456'", "2026-01-02 03:04:05.123456"],
  ["DATE '0044-03-15 (BC)'", "0044-03-15 (BC)"],
  ["INTERVAL 3 MONTH", { months: 3, days: 0, micros: "0" }],
  ["{'x': [1, NULL], 'y': {'z': 9007199254740993}}", { x: [1, null], y: { z: "9007199254740993" } }],
  ["MAP {'m': 1}", [{ key: "m", value: 1 }]],
  ["'\\xAA\\x00'::BLOB", "\\xAA\\x00"],
  [`'{"a":1}'::JSON`, '{"a":1}'],
  ["'é\u{1F600}' || chr(0)", "é\u{1F600}\0"],
])("loses nothing of %s on the way to JSON", async (sql, expected) => {
  expect((await ask(`SELECT ${sql}`)).rows).toEqual([[expected]]);
});

it("names columns and their types", async () => {
  expect((await ask("SELECT 1.5 AS a, 1 AS a, [1] AS b")).columns).toEqual([
    { name: "a", type: "DECIMAL(2,1)" },
    { name: "a", type: "INTEGER" },
    { name: "b", type: "INTEGER[]" },
  ]);
});

it("answers from whole transactions, and says from which record of the log", async () => {
  await db.writer.run("BEGIN");
  await db.writer.run("DELETE FROM runs");
  await db.writer.run("UPDATE meta SET value = '7' WHERE key = 'watermark_position'");
  expect(await ask("SELECT count(*) FROM runs")).toMatchObject({ rows: [[100]], watermark: 0 });
  await db.writer.run("COMMIT");
  expect(await ask("SELECT count(*) FROM runs")).toMatchObject({ rows: [[0]], watermark: 7 });
});
