/** testyard rebuild: the results anew from the log, by the coordinator when one runs, else here. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import type { RebuildStatus } from "../../protocol/index.ts";
import { clientFor } from "../connection.ts";
import { type DataFlags, type DataPlaces, dataPlaces } from "../data-dir.ts";
import { infrastructure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { coordinatorOf, holding } from "../held-yard.ts";
import { print, printJson, say } from "../io.ts";
import { table } from "../table.ts";
import { examples, type Finish, printsJson } from "./common.ts";

interface Flags extends DataFlags {
  coordinator?: string;
  clientKey?: string;
  json?: true;
}

type Report = NonNullable<RebuildStatus["report"]>;

const LOOK_MS = 100;

export function registerRebuild(program: Command, finish: Finish): void {
  const command = program
    .command("rebuild")
    .description("make the results anew from the log")
    .option("--coordinator <url>", "have this coordinator do it, unless a yard here is named")
    .option("--data-dir <dir>", "data directory of the yard")
    .option("--db-path <file>", "its results file, when the data directory lies beside it")
    .action(async (flags: Flags) => {
      const report = await rebuilt(flags);
      if (flags.json) printJson(report);
      else print(reportText(report));
      finish(EXIT.passed);
    });
  examples(printsJson(command), [
    "testyard rebuild                                # of the yard in the state folder, running or not",
    "testyard rebuild --db-path ./bench.duckdb --json",
  ]);
}

async function rebuilt({ coordinator, clientKey, dataDir, dbPath }: Flags): Promise<Report> {
  const isLocal = dataDir !== undefined || dbPath !== undefined;
  if (!isLocal && coordinator !== undefined) return rebuildThere(await clientFor({ coordinator, clientKey }));
  const places = dataPlaces({ dataDir, dbPath });
  const living = await coordinatorOf(places.dataDir);
  if (living !== null) return rebuildThere(living);
  return holding(places.dataDir, () => rebuildHere(places));
}

async function rebuildThere(client: Client): Promise<Report> {
  say(`the coordinator at ${client.url} rebuilds; tasks go on meanwhile`);
  let { state, error, report } = await client.rebuildResults();
  while (state === "running") {
    await pause(LOOK_MS);
    ({ state, error, report } = await client.rebuildStatus());
  }
  if (report !== null) return report;
  throw infrastructure(
    "rebuild_failed",
    error ?? "the coordinator was started anew meanwhile",
    "testyard doctor",
  );
}

async function rebuildHere({ dataDir, dbPath }: DataPlaces): Promise<Report> {
  const { decodeRecord, openLmdbLog } = await import("../../log/index.ts");
  const { openBlobStore } = await import("../../blobs/index.ts");
  const { rebuildResultsFile } = await import("../../results/index.ts");
  const log = await openLmdbLog({ dir: join(dataDir, "log"), readOnly: true });
  const blobs = await openBlobStore({ dir: join(dataDir, "blobs") });
  try {
    let clusterId = "";
    for await (const stored of log.read(await log.first())) {
      clusterId = decodeRecord(stored).cluster_id;
      break;
    }
    const readBlob = async (hash: string) => (blobs.has(hash) ? blobs.get(hash) : null);
    return await rebuildResultsFile({ log, dbPath, clusterId, readBlob });
  } finally {
    await blobs.close();
    await log.close();
  }
}

function reportText({ watermark, tables, differing }: Report): string {
  const rows = Object.entries(tables).map(([name, { before, after }]) => {
    const note = differing?.includes(name) === true ? "held something else before" : "";
    return [name, before === null ? "unreadable" : String(before), String(after), note];
  });
  return `${table(["TABLE", "ROWS BEFORE", "NOW", ""], rows)}\nup to record ${watermark} of the log`;
}
