/** testyard export: the tables of the results as files, of a running coordinator or of a file. */
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import type { ExportInput } from "../../client/index.ts";
import { dataPlaces } from "../data-dir.ts";
import { EXIT } from "../exit-codes.ts";
import { type Exported, intoFolder } from "../export/place.ts";
import { takeFromCoordinator, takeFromFile, type Wish } from "../export/take.ts";
import { onInterrupt } from "../interrupt.ts";
import { print, printJson, say } from "../io.ts";
import { formatBytes } from "../table.ts";
import { type ClientFlags, clientOf, examples, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  format: NonNullable<ExportInput["format"]>;
  tables?: string[];
  dbPath?: string;
  force?: true;
}

export function registerExport(program: Command, finish: Finish): void {
  const command = program
    .command("export")
    .argument("<dir>", "folder that is not there yet, or empty")
    .description("write the results as files, one for each table")
    .addOption(
      new Option("--format <format>", "of the files; json is one object a line")
        .choices(["parquet", "csv", "json"])
        .default("parquet"),
    )
    .option("--tables <names...>", "only these, by name; testyard query --schema lists them")
    .option("--db-path <file>", "export this results file, whose coordinator is stopped")
    .option("--force", "into a folder that holds something already; tables there are replaced")
    .action(async (dir: string, flags: Flags) => finish(await exportTo(dir, flags)));
  examples(printsJson(reaches(command)), [
    "testyard export ./results",
    "testyard export ./tables --format csv --tables cases attempts",
    "testyard export ./results --db-path ./results.duckdb --json",
  ]);
}

async function exportTo(dir: string, flags: Flags): Promise<number> {
  const { format, tables, dbPath, force } = flags;
  const interrupt = onInterrupt();
  const names = tables?.flatMap((each) => each.split(",")).filter(Boolean);
  const { signal } = interrupt;
  const wish: Wish = { input: { format, ...(names && { tables: names }) }, signal };
  try {
    const exported = await intoFolder(dir, { force: force === true }, async (unfinished) =>
      dbPath === undefined
        ? takeFromCoordinator(await clientOf(flags), unfinished, wish)
        : takeFromFile(dataPlaces({ dbPath }).dbPath, unfinished, wish),
    );
    if (flags.json) printJson(exported);
    else print(summary(exported, dir));
    return EXIT.passed;
  } catch (error) {
    if (!signal.aborted) throw error;
    say("interrupted: nothing was exported");
    return EXIT.interrupted;
  } finally {
    interrupt.dispose();
  }
}

function summary({ tables, watermark }: Exported, dir: string): string {
  const [rows, bytes] = tables.reduce(([r, b], table) => [r + table.rows, b + table.bytes], [0, 0]);
  const where = join(resolve(dir), "export.json");
  return `${tables.length} tables, ${rows} rows, ${formatBytes(bytes)} up to record ${watermark}: ${where}`;
}
