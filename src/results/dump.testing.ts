/** Reads whole results files for comparison, as a user would after the coordinator has gone. */
import { DuckDBInstance } from "@duckdb/node-api";
import type { DuckDBConnection } from "@duckdb/node-api";
import { TABLE_NAMES } from "./schema.ts";

export async function select(connection: DuckDBConnection, sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}

/** Opens a file that nobody else has open, for one look. */
export async function selectFrom(path: string, sql: string): Promise<Record<string, unknown>[]> {
  const instance = await DuckDBInstance.create(path, { access_mode: "READ_ONLY" });
  const connection = await instance.connect();
  try {
    return await select(connection, sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** All rows of all tables, in the order in which they came, watermark included. */
export async function dump(path: string): Promise<Record<string, Record<string, unknown>[]>> {
  const all: Record<string, Record<string, unknown>[]> = {};
  for (const table of [...TABLE_NAMES, "meta"]) {
    all[table] = await selectFrom(
      path,
      `SELECT * FROM ${table} ORDER BY ${table === "meta" ? "key" : "rowid"}`,
    );
  }
  return all;
}
