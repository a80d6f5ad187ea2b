/** The files of an export, read back by DuckDB: what is in them is what is in the tables. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { type ExportOptions, type ExportRequest, exportTables } from "./export.ts";
import { openResultsFile } from "./offline.ts";
import { TABLE_NAMES } from "./schema.ts";

const CASES = 50_000;
const NASTY = ["=1+1", "a\r\n @SUM(A1)", "\t1", "-1.5e3", "-x", 'say "hi", you', "", "é\u{1F600}"];

let dir: string;
let db: Database;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "testyard-export-"));
  mkdirSync(join(dir, "exports"));
  db = await openDatabase(join(dir, "results.duckdb"), { clusterId: "c", exportDir: join(dir, "exports") });
  await db.writer.run(`
    INSERT INTO cases (project, run_id, case_number, name, duration_ms, is_final, recorded_at)
    SELECT 'p', 'r', i, 'case ' || i, i / 3, i % 2 = 0, TIMESTAMP '2026-01-02' + INTERVAL 1 MILLISECOND * i
    FROM range(${CASES}) t(i)`);
  for (const name of NASTY) {
    await db.writer.run("INSERT INTO task_specs (name, config, priority) VALUES ($1, $2, 9007199254740993)", [
      name,
      JSON.stringify({ name }),
    ]);
  }
  await db.writer.run("UPDATE meta SET value = '7' WHERE key = 'watermark_position'");
});

afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const target = () => join(dir, "exports", "one");

async function take(request: Partial<ExportRequest> = {}, options: ExportOptions = {}) {
  return exportTables(db.exporter, { dir: target(), format: "parquet", ...request }, options);
}

/** Rows that are in one and not in the other, duplicates counted. */
async function differences(table: string, reading: string): Promise<number> {
  const file = join(dir, "results.duckdb");
  db.close();
  const other = await DuckDBInstance.create(":memory:");
  const connection = await other.connect();
  try {
    await connection.run(`ATTACH '${file}' AS r (READ_ONLY)`);
    const found = await connection.runAndReadAll(`
      SELECT count(*)::INT FROM ((FROM r.${table} EXCEPT ALL FROM ${reading})
                                 UNION ALL (FROM ${reading} EXCEPT ALL FROM r.${table}))`);
    return Number(found.getRows()[0]?.[0]);
  } finally {
    connection.closeSync();
    other.closeSync();
    db = await openDatabase(file, { clusterId: "c", exportDir: join(dir, "exports") });
  }
}

describe("an export", () => {
  it("has a file for each table, with all rows, and says up to which record of the log", async () => {
    const { tables, watermark } = await take();
    expect(watermark).toBe(7);
    expect(tables.map(({ name }) => name)).toEqual(TABLE_NAMES);
    expect(readdirSync(target()).sort()).toEqual(tables.map(({ file }) => file).sort());
    expect(tables.find(({ name }) => name === "cases")?.rows).toBe(CASES);
    for (const { file, bytes } of tables) expect(readFileSync(join(target(), file)).length).toBe(bytes);
    for (const { name, file } of tables) {
      expect(await differences(name, `read_parquet('${join(target(), file)}')`)).toBe(0);
    }
  });

  it("as JSON loses nothing either", async () => {
    await take({ format: "json", tables: ["task_specs"] });
    const lines = readFileSync(join(target(), "task_specs.ndjson"), "utf8").trim().split("\n");
    const rows = lines.map((line) => JSON.parse(line) as { name: string; config: object });
    expect(rows.map(({ name }) => name)).toEqual(NASTY);
    expect(rows.map(({ config }) => config)).toEqual(NASTY.map((name) => ({ name })));
    expect(lines[0]).toContain("9007199254740993");
  });

  it("as CSV makes text of what a spreadsheet would compute", async () => {
    await take({ format: "csv", tables: ["task_specs"] });
    const file = join(target(), "task_specs.csv");
    const found = await readNames(file);
    const safe = ["'=1+1", "a\r\n' @SUM(A1)", "'\t1", "-1.5e3", "'-x", 'say "hi", you', "", "é\u{1F600}"];
    expect(found).toEqual(safe);
  });

  it("is of one moment, and the writer goes on meanwhile", async () => {
    const added: Promise<unknown>[] = [];
    const onTable = () =>
      void (added[0] ??= db.writer
        .run("INSERT INTO task_specs (name) VALUES ('later')")
        .then(() => db.writer.run("UPDATE meta SET value = '8' WHERE key = 'watermark_position'")));
    const { tables, watermark } = await take(
      { tables: ["cases", "runs", "cases", "task_specs"] },
      { onTable },
    );
    await Promise.all(added);
    expect(watermark).toBe(7);
    expect(tables.map(({ name, rows }) => [name, rows])).toEqual([
      ["cases", CASES],
      ["runs", 0],
      ["task_specs", NASTY.length],
    ]);
    const now = await db.reader.runAndReadAll("SELECT count(*)::INT FROM task_specs");
    expect(now.getRows()).toEqual([[NASTY.length + 1]]);
  });

  it("of long texts leaves the writer its memory", async () => {
    // Twice what DuckDB may have.
    for (let i = 0; i < 4; i += 1) {
      await db.writer.run(`
        INSERT INTO cases (case_number, detail)
        SELECT i, repeat(sha256(i::VARCHAR), 256) FROM range(${16_000 * i}, ${16_000 * (i + 1)}) t(i)`);
    }
    let isOver = false;
    const taken = take({ tables: ["cases"] }).finally(() => (isOver = true));
    while (!isOver) await db.writer.run("INSERT INTO leaders (epoch) VALUES (1)");
    expect(await taken).toMatchObject({ tables: [{ rows: CASES + 64_000 }] });
  }, 60_000);

  it("of a file that nobody has open, under the same locks", async () => {
    db.close();
    const file = await openResultsFile(join(dir, "results.duckdb"), { exportDir: join(dir, "exports") });
    const { tables } = await file.export({ dir: target(), format: "parquet", tables: ["cases"] });
    await expect(file.export({ dir: join(dir, "elsewhere"), format: "csv" })).rejects.toThrow(/Permission/);
    file.close();
    expect(tables).toMatchObject([{ name: "cases", rows: CASES }]);
    expect(existsSync(join(dir, "elsewhere"))).toBe(false);
    db = await openDatabase(join(dir, "results.duckdb"), { clusterId: "c" });
  });
});

async function readNames(file: string): Promise<unknown[]> {
  const other = await DuckDBInstance.create(":memory:");
  const connection = await other.connect();
  const found = await connection.runAndReadAll(
    `SELECT name FROM read_csv('${file}', all_varchar = true, allow_quoted_nulls = false)`,
  );
  connection.closeSync();
  other.closeSync();
  return found.getRows().map(([name]) => name);
}

describe("nothing is left of an export", () => {
  it("that was given up", async () => {
    const asker = new AbortController();
    const taken = take({}, { signal: asker.signal, onTable: () => asker.abort() });
    await expect(taken).rejects.toMatchObject({ code: "export_ended" });
    expect(existsSync(target())).toBe(false);
  });

  it("that would have taken the last room on the disk", async () => {
    const taken = take({ reserve_bytes: Number.MAX_SAFE_INTEGER });
    await expect(taken).rejects.toMatchObject({ code: "disk_full" });
    expect(existsSync(target())).toBe(false);
  });

  it("of a table that is not there", async () => {
    await expect(take({ tables: ["runs", "nope"] })).rejects.toMatchObject({ code: "export_table_unknown" });
    expect(existsSync(target())).toBe(false);
  });
});
