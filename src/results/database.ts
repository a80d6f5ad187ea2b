/**
 * The DuckDB file: opened with its limits, recognised as ours or refused, closed without leaving a WAL.
 *
 * One process owns the file, and within that process it must be opened once: DuckDB locks with POSIX record
 * locks, and closing a second handle of the same process gives up the lock of the first.
 *
 * Writer, reader and visitor are connections of one instance: a query sees whole transactions and delays
 * none.
 */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { GENESIS_HASH } from "../log/index.ts";
import { messageOf, ResultsRefused } from "./errors.ts";
import { createStatements, FORMAT } from "./schema.ts";

export const REBUILD = "testyard rebuild makes the results anew from the log";

const APPLICATION = "testyard results";

const OPTIONS = {
  threads: "2",
  memory_limit: "512MB",
  // At 16 MB, the default, a third of a busy projection's time went into checkpoints.
  checkpoint_threshold: "64MB",
  autoinstall_known_extensions: "false",
  autoload_known_extensions: "false",
};

/**
 * In this order: what comes after the second could not be set, and after the last nothing can. A spilling
 * query may not fill the disk that the log needs.
 */
function locks(exportDir: string | null): string[] {
  const folders = exportDir === null ? "" : `'${exportDir.replaceAll("'", "''")}'`;
  return [
    `SET allowed_directories = [${folders}]`,
    "SET enable_external_access = false",
    "SET max_temp_directory_size = '2GB'",
    "SET lock_configuration = true",
  ];
}

/** What the file says about itself; changes with each transaction, and with nothing else. */
export interface Meta {
  cluster_id: string;
  /** The last record whose rows are in the file. */
  watermark_position: number;
  watermark_hash: string;
  watermark_epoch: number;
  /** The first record that a restart has to read: open submissions begin there. */
  resume_from: number;
}

export interface Database {
  readonly path: string;
  readonly writer: DuckDBConnection;
  readonly reader: DuckDBConnection;
  /** For the SQL of people. */
  readonly visitor: DuckDBConnection;
  readonly meta: Meta;
  readonly exporter: DuckDBConnection;
  close(): void;
}

/** @param path a file, or `:memory:`. Throws ResultsRefused. */
export async function openDatabase(
  path: string,
  { clusterId, exportDir = null }: { clusterId: string; exportDir?: string | null },
): Promise<Database> {
  const instance = await openInstance(path, OPTIONS);
  removeSpilled(path);
  try {
    const writer = await instance.connect();
    const exporter = await connectExporter(instance);
    await lock(writer, exportDir);
    const meta = await recogniseOrCreate(writer, { path, clusterId });
    const reader = await instance.connect();
    const visitor = await instance.connect();
    const close = () => {
      for (const each of [exporter, visitor, reader, writer, instance]) each.closeSync();
    };
    return { path, writer, reader, visitor, exporter, meta, close };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

/** Of queries whose process was ended: up to 2 GB, which nobody else removes. The file is ours by now. */
function removeSpilled(path: string): void {
  const dir = `${path}.tmp`;
  if (!existsSync(dir)) return;
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true, force: true });
}

/** Of a file that is there; never creates or changes one. Throws ResultsRefused. */
export async function openForReading(
  path: string,
  exportDir: string | null,
): Promise<{ connection: DuckDBConnection; exporter: DuckDBConnection; close(): void }> {
  if (!existsSync(path)) {
    throw new ResultsRefused("results_missing", `there is no results file at ${path}`, { path });
  }
  const instance = await openInstance(path, { ...OPTIONS, access_mode: "READ_ONLY" });
  try {
    const connection = await instance.connect();
    const exporter = await connectExporter(instance);
    await lock(connection, exportDir);
    await recognise(connection, path);
    const close = () => {
      for (const each of [exporter, connection, instance]) each.closeSync();
    };
    return { connection, exporter, close };
  } catch (error) {
    instance.closeSync();
    throw error;
  }
}

/**
 * Rows come out in any order: to keep theirs, DuckDB holds so many of them that a table of long texts takes
 * all memory, and the writer finds none. Set before the lock.
 */
async function connectExporter(instance: DuckDBInstance): Promise<DuckDBConnection> {
  const connection = await instance.connect();
  await connection.run("SET SESSION preserve_insertion_order = false");
  return connection;
}

async function lock(connection: DuckDBConnection, exportDir: string | null): Promise<void> {
  for (const statement of locks(exportDir)) await connection.run(statement);
}

async function openInstance(path: string, options: Record<string, string>): Promise<DuckDBInstance> {
  try {
    return await DuckDBInstance.create(path, options);
  } catch (cause) {
    throw refusalOf(path, messageOf(cause));
  }
}

function refusalOf(path: string, said: string): ResultsRefused {
  const details = { path, said };
  const line = said.split("\n")[0] ?? "";
  if (said.includes("Could not set lock") || said.includes("Conflicting lock")) {
    const pid = /PID (\d+)/.exec(said)?.[1];
    const holder = pid === undefined ? "another process" : `process ${pid}`;
    return new ResultsRefused("results_locked", `${path} is open in ${holder}: close it there`, details);
  }
  if (/^IO Error: Cannot open file|Permission denied|No space left/.test(said)) {
    return new ResultsRefused("results_unopenable", `${path} cannot be opened: ${line}`, details);
  }
  if (said.includes("Corrupt database file")) {
    return new ResultsRefused("results_corrupt", `${path} is damaged: ${line}. ${REBUILD}`, details);
  }
  const message = `${path} is not a results file: ${line}. ${REBUILD}`;
  return new ResultsRefused("results_foreign_file", message, details);
}

async function recogniseOrCreate(
  connection: DuckDBConnection,
  { path, clusterId }: { path: string; clusterId: string },
): Promise<Meta> {
  const found = await connection.runAndReadAll("SELECT table_name FROM information_schema.tables");
  if (found.currentRowCount === 0) return create(connection, clusterId);
  const meta = await recognise(connection, path);
  if (meta.cluster_id !== clusterId) {
    const message = `${path} belongs to cluster ${meta.cluster_id}, not to ${clusterId}. ${REBUILD}`;
    throw new ResultsRefused("results_foreign", message, {
      path,
      found: meta.cluster_id,
      expected: clusterId,
    });
  }
  return meta;
}

async function recognise(connection: DuckDBConnection, path: string): Promise<Meta> {
  const entries = await readEntries(connection);
  if (entries?.get("application") !== APPLICATION) {
    const message = `${path} is a database with other tables. Move it away, or give results another path`;
    throw new ResultsRefused("results_foreign_file", message, { path });
  }
  const format = entries.get("format") ?? "";
  if (format !== FORMAT) {
    const message = `${path} has format ${format}, this version reads ${FORMAT}. ${REBUILD}`;
    throw new ResultsRefused("results_format", message, { path, format });
  }
  return metaOf(entries);
}

async function readEntries(connection: DuckDBConnection): Promise<Map<string, string> | null> {
  try {
    const found = await connection.runAndReadAll("SELECT key, value FROM meta");
    return new Map(found.getRows().map(([key, text]) => [String(key), String(text)]));
  } catch {
    return null; // somebody else's tables
  }
}

function metaOf(entries: Map<string, string>): Meta {
  return {
    cluster_id: entries.get("cluster_id") ?? "",
    watermark_position: Number(entries.get("watermark_position")),
    watermark_hash: entries.get("watermark_hash") ?? "",
    watermark_epoch: Number(entries.get("watermark_epoch")),
    resume_from: Number(entries.get("resume_from")),
  };
}

async function create(connection: DuckDBConnection, clusterId: string): Promise<Meta> {
  const meta: Meta = {
    cluster_id: clusterId,
    watermark_position: 0,
    watermark_hash: GENESIS_HASH,
    watermark_epoch: 0,
    resume_from: 1,
  };
  await connection.run("BEGIN");
  for (const statement of createStatements()) await connection.run(statement);
  for (const [key, value] of Object.entries({ application: APPLICATION, format: FORMAT, ...meta })) {
    await connection.run("INSERT INTO meta VALUES ($1, $2)", [key, String(value)]);
  }
  await connection.run("COMMIT");
  return meta;
}

export const UPDATE_WATERMARK = `
  UPDATE meta SET value = CASE key
    WHEN 'watermark_position' THEN $1
    WHEN 'watermark_hash' THEN $2
    WHEN 'watermark_epoch' THEN $3
    ELSE $4
  END
  WHERE key IN ('watermark_position', 'watermark_hash', 'watermark_epoch', 'resume_from')`;
