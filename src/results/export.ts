/**
 * The tables as files: one COPY for each, all in one read transaction, so that they fit together and say of
 * one record of the log that they hold everything up to it. On a connection of its own, and under the locks
 * of the file: DuckDB itself writes nowhere but into the folder that was named when it was opened.
 *
 * What is not whole is not there: whatever goes wrong, the folder is removed again. So that an export cannot
 * take the room that a log on the same disk needs, it ends where less than a reserve is left.
 */
import { mkdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { ExportFailed, messageOf, ResultsUnavailable } from "./errors.ts";
import { TABLE_NAMES, TABLES, type TableName } from "./schema.ts";

export type ExportFormat = "parquet" | "csv" | "json";

export interface ExportRequest {
  /** Absolute, not there yet, and inside the folder that exports may be written to. */
  dir: string;
  format: ExportFormat;
  /** All unless given. */
  tables?: readonly string[];
  /** Bytes that are left free on the disk. */
  reserve_bytes?: number;
}

export interface ExportReport {
  tables: { name: string; rows: number; file: string; bytes: number }[];
  /** Everything up to this record of the log is in the files. */
  watermark: number;
}

export interface ExportOptions {
  signal?: AbortSignal;
  onTable?: (table: ExportReport["tables"][number]) => void;
}

const LOOK_MS = 25;
/** A group is held in memory until it is full: 20,000 rows with long output take all that there is. */
const GROUP = "ROW_GROUP_SIZE 20000, ROW_GROUP_SIZE_BYTES '32MB'";

const COPY: Readonly<Record<ExportFormat, { ending: string; options: string }>> = {
  parquet: { ending: "parquet", options: `FORMAT parquet, COMPRESSION zstd, ${GROUP}` },
  csv: { ending: "csv", options: "FORMAT csv, HEADER" },
  json: { ending: "ndjson", options: "FORMAT json" },
};

/** @throws ExportFailed, ResultsUnavailable; then nothing is left */
export async function exportTables(
  connection: DuckDBConnection,
  request: ExportRequest,
  options: ExportOptions = {},
): Promise<ExportReport> {
  const tables = tablesOf(request);
  const watch = watchExport(connection, request, options);
  try {
    mkdirSync(request.dir, { mode: 0o700 });
    watch.look();
    return await inTransaction(connection, { ...request, tables }, { ...options, watch });
  } catch (error) {
    rmSync(request.dir, { recursive: true, force: true });
    throw watch.broken ?? troubleOf(error);
  } finally {
    watch.stop();
  }
}

function tablesOf({ tables = TABLE_NAMES }: ExportRequest): TableName[] {
  return [...new Set(tables)].map((name) => {
    const known = TABLE_NAMES.find((each) => each === name);
    if (known === undefined) {
      throw new ExportFailed("export_table_unknown", `no table ${name}; there are ${TABLE_NAMES.join(", ")}`);
    }
    return known;
  });
}

async function inTransaction(
  connection: DuckDBConnection,
  { dir, format, tables }: ExportRequest & { tables: TableName[] },
  { onTable, watch }: ExportOptions & { watch: ExportWatch },
): Promise<ExportReport> {
  const done: ExportReport["tables"] = [];
  await connection.run("BEGIN TRANSACTION READ ONLY");
  try {
    const found = await connection.runAndReadAll("SELECT value FROM meta WHERE key = 'watermark_position'");
    const watermark = Number(found.getRows()[0]?.[0] ?? 0);
    for (const name of tables) {
      const file = `${name}.${COPY[format].ending}`;
      const path = join(dir, file);
      const rows = await copy(connection, { name, format, path });
      // Between two statements there is nothing that an interrupt would end.
      if (watch.broken !== null) throw watch.broken;
      done.push({ name, rows, file, bytes: statSync(path).size });
      onTable?.(done.at(-1) as ExportReport["tables"][number]);
    }
    return { tables: done, watermark };
  } finally {
    await connection.run("ROLLBACK").catch(() => {});
  }
}

async function copy(
  connection: DuckDBConnection,
  { name, format, path }: { name: TableName; format: ExportFormat; path: string },
): Promise<number> {
  const { options } = COPY[format];
  const columns = format === "csv" ? csvColumns(name) : "*";
  const to = `'${path.replaceAll("'", "''")}'`;
  const copied = await connection.runAndReadAll(
    `COPY (SELECT ${columns} FROM ${name}) TO ${to} (${options})`,
  );
  return Number(copied.getRows()[0]?.[0] ?? 0);
}

/**
 * Text that a spreadsheet would compute gets a quote in front, on each of its lines: the rule of
 * cli/csv.ts, in SQL.
 */
function csvColumns(name: TableName): string {
  return Object.entries(TABLES[name])
    .map(([column, kind]) =>
      kind === "text" || kind === "json" ? `${withoutFormulas(column)} AS ${column}` : column,
    )
    .join(", ");
}

const NUMBER = String.raw`'-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?'`;
const FORMULA = String.raw`'(?m)^([ \x{A0}]*[=+\-@\t\r])'`;

function withoutFormulas(column: string): string {
  const text = `${column}::VARCHAR`;
  const quoted = String.raw`regexp_replace(${text}, ${FORMULA}, '''\1', 'g')`;
  return `CASE WHEN regexp_full_match(${text}, ${NUMBER}) THEN ${text} ELSE ${quoted} END`;
}

interface ExportWatch {
  readonly broken: ExportFailed | null;
  look(): void;
  stop(): void;
}

/** Interrupts again and again: between two statements an interrupt is lost. */
function watchExport(
  connection: DuckDBConnection,
  { dir, reserve_bytes = 0 }: ExportRequest,
  { signal }: ExportOptions,
): ExportWatch {
  let broken: ExportFailed | null = null;
  const look = () => {
    if (signal?.aborted === true) broken ??= new ExportFailed("export_ended", "the export was given up");
    else if (reserve_bytes > 0 && freeBytes(dir) < reserve_bytes) broken ??= noRoom(dir);
    if (broken !== null) connection.interrupt();
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    get broken() {
      return broken;
    },
    look() {
      look();
      if (broken !== null) throw broken;
    },
    stop: () => clearInterval(timer),
  };
}

function freeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY; // not made yet, or gone already
  }
}

function noRoom(dir: string): ExportFailed {
  return new ExportFailed("disk_full", `no room for the export in ${dir}; nothing of it was kept`);
}

function troubleOf(error: unknown): Error {
  if (error instanceof ExportFailed) return error;
  const message = messageOf(error);
  if (/No space left|ENOSPC|Disk quota/i.test(message)) {
    return new ExportFailed("disk_full", `no room for the export; nothing of it was kept: ${message}`);
  }
  if (/^(FATAL|INTERNAL) Error|Corrupt/.test(message)) {
    return new ResultsUnavailable(`the results file fails: ${message}`);
  }
  return new ExportFailed("export_failed", `the tables cannot be written: ${message}`);
}
