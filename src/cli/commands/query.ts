/** testyard query: one SELECT over the results, of a running coordinator or of a file. */
import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { type Command, Option } from "commander";
import type { SqlAnswer } from "../../protocol/index.ts";
import { csv } from "../csv.ts";
import { dataPlaces } from "../data-dir.ts";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import { table } from "../table.ts";
import { type ClientFlags, clientOf, examples, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  file?: string;
  csv?: true;
  schema?: true;
  limit: number;
  dbPath?: string;
}

const ROWS = 10_000;
const MOST_ROWS = 100_000;

export function registerQuery(program: Command, finish: Finish): void {
  const command = program
    .command("query")
    .argument("[sql]", 'a SELECT; "-" reads it from stdin')
    .description("ask the results with SQL")
    .option("--file <file>", "read the SELECT from a file")
    .option("--schema", "list tables, columns and what they mean")
    .option("--limit <n>", `rows at most (${ROWS}, up to ${MOST_ROWS})`, wholeNumber(1, MOST_ROWS), ROWS)
    .option("--db-path <file>", "ask this results file, whose coordinator is stopped")
    .addOption(new Option("--csv", "print CSV, safe to open in a spreadsheet").conflicts("json"))
    .action(async (sql: string | undefined, flags: Flags) => {
      if (flags.schema) await showSchema(flags);
      else show(await ask(await sqlOf(sql, flags), flags), flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), [
    'testyard query "SELECT name, duration_ms FROM cases ORDER BY duration_ms DESC LIMIT 10"',
    "testyard query --schema",
    "testyard query - --csv < slow.sql > slow.csv",
    'testyard query --db-path ./results.duckdb "SELECT state, count(*) FROM tasks GROUP BY ALL"',
  ]);
}

async function sqlOf(given: string | undefined, { file }: Flags): Promise<string> {
  if (given !== undefined && file !== undefined) throw usage("give the SELECT or --file, not both");
  if (file !== undefined) return readFile(file, "utf8");
  if (given === "-") return readAll(process.stdin);
  if (given !== undefined) return given;
  throw usage("there is no SELECT", 'testyard query "SELECT …", or --schema for the tables');
}

async function ask(sql: string, flags: Flags): Promise<SqlAnswer> {
  const { dbPath, limit } = flags;
  if (dbPath === undefined) return (await clientOf(flags)).query(sql, { limit });
  const { openResultsFile } = await import("../../results/index.ts");
  // A query that nothing stops ends with the command.
  const onDeaf = () => setImmediate(() => process.kill(process.pid, "SIGKILL"));
  const results = await openResultsFile(dataPlaces({ dbPath }).dbPath, { onDeaf });
  try {
    const { rows, ...answer } = await results.sql({ sql, parameters: [], limit });
    return { ...answer, rows: JSON.parse(Buffer.from(rows).toString()) as SqlAnswer["rows"], stale_by: 0 };
  } finally {
    results.close();
  }
}

function show(found: SqlAnswer, flags: Flags): void {
  if (flags.json) return printJson(found);
  const names = found.columns.map(({ name }) => name);
  if (flags.csv) print(csv(names, found.rows));
  else
    print(
      table(
        names,
        found.rows.map((row) => row.map(cellOf)),
      ),
    );
  if (found.truncated)
    say(`there is more: ${found.rows.length} rows are shown; see --limit, or testyard export DIR`);
  if (found.stale_by > 0) say(`the results are ${found.stale_by} records behind the log`);
}

function cellOf(value: SqlAnswer["rows"][number][number]): string {
  if (value === null) return "NULL";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

async function showSchema({ json }: Flags): Promise<void> {
  const { describeSchema, schemaMarkdown } = await import("../../results/index.ts");
  if (json) printJson(await describeSchema());
  else print(await schemaMarkdown());
}
