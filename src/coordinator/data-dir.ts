/**
 * The data directory of a coordinator and what stands where in it.
 *
 *     client-key    log/    snapshots/    blobs/    cluster.json    exports/
 *     results.duckdb (unless named elsewhere)
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { StartError } from "./start-error.ts";

export interface DataDir {
  path: string;
  logDir: string;
  snapshotDir: string;
  blobDir: string;
  dbPath: string;
  /** Of exports while they are fetched. */
  exportDir: string;
}

export function layOut(path: string, dbPath: string | undefined): DataDir {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return {
    path,
    logDir: join(path, "log"),
    snapshotDir: join(path, "snapshots"),
    blobDir: join(path, "blobs"),
    dbPath: dbPath ?? join(path, "results.duckdb"),
    exportDir: resolve(path, "exports"),
  };
}

/**
 * The id that the first record will carry. It is kept beside the log as well, because between the first
 * start's steps results and log could otherwise come to bear different ones. Two first starts at once agree
 * on one.
 */
export function firstClusterId(path: string, make: () => string): string {
  const file = join(path, "cluster.json");
  const own = `${file}.${process.pid}.tmp`;
  const handle = openSync(own, "w", 0o600);
  try {
    writeFileSync(handle, `${JSON.stringify({ cluster_id: make() })}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  try {
    linkSync(own, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    rmSync(own, { force: true });
  }
  return readClusterId(file);
}

function readClusterId(file: string): string {
  const text = readFileSync(file, "utf8");
  const [, id] = /^\{"cluster_id":"([0-9a-f]{32})"\}\s*$/.exec(text) ?? [];
  if (id !== undefined) return id;
  const hint = "Remove it: the directory has no log yet.";
  throw new StartError("data_dir_unusable", `${file} does not hold a cluster's id`, { hint });
}
