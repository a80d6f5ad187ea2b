/**
 * Work on a yard's files. Either a living coordinator has them, and then it does the work; or nobody has, and
 * then this process takes the data directory for as long as it works there.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Client, connect, listCoordinators } from "../client/index.ts";
import { processStartTime, stateDir } from "../platform/index.ts";
import { readClientKey } from "../security/index.ts";
import { infrastructure } from "./errors.ts";

/** @throws `log_missing` */
export function requireLog(dataDir: string): void {
  if (existsSync(join(dataDir, "log", "data.mdb"))) return;
  const next = "name the yard with --data-dir or --db-path";
  throw infrastructure("log_missing", `there is no log in ${dataDir}`, next);
}

/** A client of the coordinator that has this data directory; null when none is known to live. */
export async function coordinatorOf(dataDir: string): Promise<Client | null> {
  const living = await listCoordinators(stateDir(), processStartTime);
  const found = living.find(({ data_dir }) => data_dir === dataDir);
  if (found === undefined) return null;
  return connect({ url: found.url, key: await readClientKey(dataDir) });
}

/** @throws `log_missing`, or `log_in_use` while somebody has the directory */
export async function holding<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  requireLog(dataDir);
  const { claimDirectory } = await import("../log/index.ts");
  const claim = claimDirectory(dataDir, {
    pid: process.pid,
    pidStarted: processStartTime(process.pid) ?? "",
    coordinatorId: `command-${randomBytes(2).toString("hex")}`,
    now: Date.now(),
    startTimeOf: processStartTime,
  });
  try {
    return await work();
  } finally {
    claim.release();
  }
}
