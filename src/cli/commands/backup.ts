/** testyard backup: a whole copy of a yard, also while it runs. */
import { resolve } from "node:path";
import type { Command } from "commander";
import { type DataFlags, dataPlaces } from "../data-dir.ts";
import { EXIT } from "../exit-codes.ts";
import { requireLog } from "../held-yard.ts";
import { print, printJson, say } from "../io.ts";
import { examples, type Finish, printsJson } from "./common.ts";

export function registerBackup(program: Command, finish: Finish): void {
  const command = program
    .command("backup")
    .argument("<dir>", "folder that is not there yet, or empty")
    .description("copy a yard, also while it runs")
    .option("--data-dir <dir>", "data directory of the yard")
    .option("--db-path <file>", "its results file, when the data directory lies beside it")
    .option("--with-keys", "copy the client key too; who has it may do everything in the yard")
    .action(async (dir: string, flags: DataFlags & { withKeys?: true; json?: true }) => {
      const { dataDir } = dataPlaces(flags);
      requireLog(dataDir);
      const { takeBackup } = await import("../backup/backup.ts");
      const withKeys = flags.withKeys === true;
      const made = await takeBackup({ dataDir, target: resolve(dir), withKeys, now: Date.now() });
      const { files, ...facts } = made;
      const size_bytes = files.reduce((sum, file) => sum + file.size_bytes, 0);
      if (flags.json) printJson({ ...facts, files: files.length, size_bytes });
      else print(`${made.tasks} tasks, ${made.results} results, ${size_bytes} bytes in ${dir}`);
      if (!withKeys) say("without the client key: a restored yard makes a new one");
      finish(EXIT.passed);
    });
  examples(printsJson(command), [
    "testyard backup /mnt/backups/yard-monday",
    "testyard backup ./copy --db-path ./bench.duckdb --with-keys",
  ]);
}
