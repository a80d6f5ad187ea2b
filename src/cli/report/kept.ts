/**
 * The last reports of a workspace, kept in the state folder: a run can be compared with the one before, and
 * looked at again when its yard is gone. They hold what no yard knows, such as the commit, and files that
 * could not be collected. At most 20 and 100 MB of them, compressed; the oldest go first.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { readReport, toJson, type RunReport } from "../../reports/index.ts";
import { say } from "../io.ts";
import { stateOf } from "../run/embedded.ts";

const MOST = 20;
const MOST_BYTES = 100_000_000;
const NAME = /^(\d{15})-(.*)\.json\.gz$/;

const compress = promisify(gzip);
const decompress = promisify(gunzip);

const folderOf = (workspace: string): string => join(stateOf(workspace), "reports");

/** Failing to keep one costs the next run its comparison and is no reason to fail this one. */
export async function keepReport(workspace: string, report: RunReport): Promise<void> {
  const folder = folderOf(workspace);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const name = `${String(report.started_at).padStart(15, "0")}-${report.run.run_id}.json.gz`;
    const scratch = join(folder, `${name}.${process.pid}`);
    await writeFile(scratch, await compress(toJson(report)), { mode: 0o600 });
    await rename(scratch, join(folder, name));
    await forgetOld(folder);
  } catch (error) {
    say(`warning: the report is not kept for later: ${String(error)}`);
  }
}

async function forgetOld(folder: string): Promise<void> {
  let bytes = 0;
  for (const [i, name] of (await namesIn(folder)).entries()) {
    const path = join(folder, name);
    bytes += (await stat(path)).size;
    // The newest stays, however large it is.
    if (i > 0 && (i >= MOST || bytes > MOST_BYTES)) await rm(path, { force: true });
  }
}

/** Newest first. */
async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => NAME.test(name))
    .sort()
    .reverse();
}

export interface KeptReports {
  /** The newest that holds; null when none does. Reports that cannot be read are passed over. */
  find(holds: (report: RunReport) => boolean): Promise<RunReport | null>;
}

export function keptReports(workspace: string): KeptReports {
  return {
    async find(holds) {
      const folder = folderOf(workspace);
      for (const name of await namesIn(folder)) {
        const text = await readFile(join(folder, name))
          .then(decompress)
          .catch(() => null);
        const read = text === null ? null : readReport(name, text.toString("utf8"));
        if (read?.ok === true && holds(read.report)) return read.report;
      }
      return null;
    },
  };
}
