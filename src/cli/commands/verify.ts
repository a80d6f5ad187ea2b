/** testyard verify: replays the log and proves that no accepted result was lost or counted twice. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import type { Verification } from "../../log/index.ts";
import { dataPlaces, type DataFlags } from "../data-dir.ts";
import { infrastructure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson, say } from "../io.ts";
import { examples, type Finish, printsJson } from "./common.ts";

export function registerVerify(program: Command, finish: Finish): void {
  const command = program
    .command("verify")
    .description("prove that no result is lost or counted twice")
    .option("--data-dir <dir>", "data directory of the yard")
    .option("--db-path <file>", "its results file, when the data directory lies beside it")
    .action(async (flags: DataFlags & { json?: true }) => {
      const { dataDir } = dataPlaces(flags);
      const found = await verify(dataDir);
      say(`the yard in ${dataDir}`);
      if (flags.json) printJson(found);
      else print(verdictText(found));
      finish(found.ok ? EXIT.passed : EXIT.testsFailed);
    });
  examples(printsJson(command), [
    "testyard verify",
    "testyard verify --db-path ./bench.duckdb --json   # also while its coordinator runs",
  ]);
}

/** Reads beside a running coordinator: the log is opened read-only. */
async function verify(dataDir: string): Promise<Verification> {
  const dir = join(dataDir, "log");
  if (!existsSync(dir)) {
    throw infrastructure(
      "log_missing",
      `there is no log in ${dataDir}`,
      "name the yard with --data-dir or --db-path",
    );
  }
  const { openLmdbLog, readLatestSnapshot, verifyLog } = await import("../../log/index.ts");
  const log = await openLmdbLog({ dir, readOnly: true });
  try {
    if ((await log.first()) <= 1) return await verifyLog(log);
    const snapshot = readLatestSnapshot(join(dataDir, "snapshots"));
    return await verifyLog(log, snapshot ?? undefined);
  } finally {
    await log.close();
  }
}

function verdictText(found: Verification): string {
  return [
    `tasks       ${found.tasks} (${found.open} open)`,
    `results     ${found.results}`,
    `lost        ${found.lost}`,
    `duplicated  ${found.duplicated}`,
    `fenced      ${found.fenced}   late or foreign results, refused and kept as evidence`,
    ...found.problems.map((problem) => `problem     ${problem}`),
    found.ok ? "ok" : "NOT OK",
  ].join("\n");
}
