/**
 * The results made anew from the log: into a file beside the old one, which takes its name only when it is
 * whole. Whatever goes wrong before leaves the old file as it was.
 */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Digests } from "./digests.ts";
import { ResultsUnavailable } from "./errors.ts";
import type { Results } from "./results.ts";

export interface RebuildReport {
  /** The last record of the log that is in the new file. */
  watermark: number;
  /** Rows of each table, before and after; before is null where the old file could not be read. */
  tables: Record<string, { before: number | null; after: number }>;
  /** Tables that held something else before; null where that cannot be told. */
  differing: string[] | null;
}

export interface FreshResults {
  results: Pick<Results, "poke" | "reached" | "query" | "close">;
  /** Rejects when the file cannot be filled. */
  failed: Promise<never>;
}

export interface RebuildOptions {
  dbPath: string;
  /** The log is committed up to here. */
  position: number;
  /** Of the old file, where it can be read; it is closed by now. */
  before: Digests | null;
  open: (path: string) => Promise<FreshResults>;
}

export async function rebuild({ dbPath, position, before, open }: RebuildOptions): Promise<RebuildReport> {
  const fresh = `${dbPath}.rebuild`;
  remove(fresh);
  try {
    const after = await fill(await open(fresh), position);
    takePlaceOf(dbPath, fresh);
    return compare(before, after);
  } catch (error) {
    remove(fresh);
    throw error;
  }
}

async function fill({ results, failed }: FreshResults, position: number): Promise<Digests> {
  try {
    results.poke(position);
    await Promise.race([results.reached(position), failed]);
    return await Promise.race([results.query("digests", undefined), failed]);
  } finally {
    await results.close();
  }
}

function remove(path: string): void {
  for (const file of [path, `${path}.wal`]) rmSync(file, { force: true });
}

/** The old file's WAL first: DuckDB would play it into whatever bears the name. */
function takePlaceOf(path: string, fresh: string): void {
  if (existsSync(`${fresh}.wal`)) throw new ResultsUnavailable(`${fresh} was not closed as a whole`);
  rmSync(`${path}.wal`, { force: true });
  renameSync(fresh, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function compare(before: Digests | null, after: Digests): RebuildReport {
  const names = Object.keys(after.tables);
  const tables = names.map((name) => [
    name,
    { before: before?.tables[name]?.rows ?? null, after: after.tables[name]?.rows ?? 0 },
  ]);
  const isComparable = before?.watermark === after.watermark;
  const differs = (name: string) => before?.tables[name]?.hash !== after.tables[name]?.hash;
  const differing = isComparable ? names.filter(differs) : null;
  return { watermark: after.watermark, tables: Object.fromEntries(tables), differing };
}
