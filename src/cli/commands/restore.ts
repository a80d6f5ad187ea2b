/** testyard restore: a yard from a backup, with a history of its own from there on. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { type DataFlags, dataPlaces } from "../data-dir.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson, say } from "../io.ts";
import { examples, type Finish, printsJson } from "./common.ts";

export function registerRestore(program: Command, finish: Finish): void {
  const command = program
    .command("restore")
    .argument("<dir>", "folder that testyard backup has made")
    .description("make a yard from a backup")
    .option("--data-dir <dir>", "where the yard is to be; not there yet, or empty")
    .option("--db-path <file>", "its results file, when the data directory lies beside it")
    .action(async (dir: string, flags: DataFlags & { json?: true }) => {
      const { restoreBackup } = await import("../backup/restore.ts");
      const restored = await restoreBackup(resolve(dir), dataPlaces(flags));
      if (flags.json) printJson(restored);
      else print(`${restored.tasks} tasks (${restored.open} open), ${restored.results} results`);
      say(`restored to ${restored.data_dir} as a new cluster; results are made at its first start`);
      if (!restored.with_keys) say("workers and clients need its new client key once it has started");
      finish(EXIT.passed);
    });
  examples(printsJson(command), [
    "testyard restore /mnt/backups/yard-monday --data-dir ./yard",
    "testyard restore ./copy --db-path ./bench.duckdb",
  ]);
}
