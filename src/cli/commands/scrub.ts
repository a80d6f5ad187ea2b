/** testyard scrub: reads every blob and says which are damaged or missing, and for what. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { ScrubReport } from "../../blobs/index.ts";
import { dataPlaces, type DataFlags } from "../data-dir.ts";
import { infrastructure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { daysToMs } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import type { Reference } from "../scrub/references.ts";
import { formatBytes } from "../table.ts";
import { examples, type Finish, printsJson } from "./common.ts";

interface Flags extends DataFlags {
  json?: true;
  retentionDays?: number;
}

const RETENTION_MS = 30 * 86_400_000;

interface Scrub extends ScrubReport {
  /** Named by the log, and not whole in the store. */
  lost: Reference[];
  ok: boolean;
}

export function registerScrub(program: Command, finish: Finish): void {
  const command = program
    .command("scrub")
    .description("read every blob; say which are damaged or missing")
    .option("--data-dir <dir>", "data directory of the yard")
    .option("--db-path <file>", "its results file, when the data directory lies beside it")
    .option("--retention-days <n>", "what ended before that may be gone; 0: nothing may (30)", daysToMs)
    .action(async (flags: Flags) => {
      const { retentionDays: keptMs = RETENTION_MS } = flags;
      const cutoff = keptMs === 0 ? 0 : Date.now() - keptMs;
      const { dataDir } = dataPlaces(flags);
      const found = await scrub(dataDir, cutoff);
      say(`the yard in ${dataDir}`);
      if (flags.json) printJson(found);
      else print(verdictText(found));
      finish(found.ok ? EXIT.passed : EXIT.infrastructure);
    });
  examples(printsJson(command), [
    "testyard scrub",
    "testyard scrub --data-dir /var/lib/testyard --json   # also while its coordinator runs",
  ]);
}

async function scrub(dataDir: string, cutoff: number): Promise<Scrub> {
  const [logDir, blobDir] = [join(dataDir, "log"), join(dataDir, "blobs")];
  if (!existsSync(logDir)) {
    const next = "name the yard with --data-dir or --db-path";
    throw infrastructure("log_missing", `there is no log in ${dataDir}`, next);
  }
  const { openLmdbLog } = await import("../../log/index.ts");
  const { openBlobReader, scrubBlobs } = await import("../../blobs/index.ts");
  const { referencesOf } = await import("../scrub/references.ts");
  const log = await openLmdbLog({ dir: logDir, readOnly: true });
  const { report, has } = await scrubBlobs(blobDir);
  const blobs = report.blobs > 0 ? openBlobReader(blobDir) : null;
  const lost: Reference[] = [];
  try {
    const readBlob = async (hash: string) => (await blobs?.get(hash)) ?? null;
    for await (const each of referencesOf({ log, readBlob, cutoff })) {
      // What came after it was looked for is looked for again.
      if (!has(each.hash) && (await readBlob(each.hash)) === null) lost.push(each);
    }
  } finally {
    await blobs?.close();
    await log.close();
  }
  const isOk = report.damaged.length + report.damaged_logs.length + lost.length === 0;
  return { ...report, lost, ok: isOk };
}

function verdictText(found: Scrub): string {
  const { damaged, damaged_logs, lost } = found;
  return [
    `blobs    ${found.blobs} whole, ${formatBytes(found.bytes)} read with logs`,
    ...damaged.map(({ hash, where }) => `damaged  ${hash}  ${where}${usersOf(hash, lost)}`),
    ...damaged_logs.map(
      ({ task_id, attempt, offset, where }) =>
        `damaged  log of task ${task_id}, attempt ${attempt}, from byte ${offset}  ${where}`,
    ),
    ...lost
      .filter(({ hash }) => !damaged.some((each) => each.hash === hash))
      .map((each) => `missing  ${each.hash}  ${userOf(each)}`),
    found.ok ? "ok" : "NOT OK: outcomes stand; what these held has to be run again",
  ].join("\n");
}

function usersOf(hash: string, lost: readonly Reference[]): string {
  const users = lost.filter((each) => each.hash === hash).map(userOf);
  return users.length === 0 ? "  (named by nothing)" : `  ${users.join(", ")}`;
}

function userOf({ role, task_id, run_id, attempt, path }: Reference): string {
  const what = path === null ? role : `${role} ${JSON.stringify(path)}`;
  return `${what} of task ${task_id}${attempt === null ? "" : `, attempt ${attempt}`} (run ${run_id})`;
}
