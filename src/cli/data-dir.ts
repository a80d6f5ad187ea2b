/**
 * Where a yard keeps what must survive it: beside its results when those have a name, else with the user's
 * state.
 */
import { join, resolve } from "node:path";
import { stateDir } from "../platform/index.ts";

export interface DataFlags {
  dataDir?: string | undefined;
  dbPath?: string | undefined;
}

export interface DataPlaces {
  dataDir: string;
  dbPath: string;
}

export function dataPlaces(flags: DataFlags, state: string = stateDir()): DataPlaces {
  const dataDir = resolve(
    flags.dataDir ?? (flags.dbPath === undefined ? join(state, "yard") : `${flags.dbPath}.yard`),
  );
  return { dataDir, dbPath: resolve(flags.dbPath ?? join(dataDir, "results.duckdb")) };
}
