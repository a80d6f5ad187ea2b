/** testyard runs: what was run, and how it ended; also what the coordinator's memory has forgotten. */
import type { Command } from "commander";
import type { RunView } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import { ago, duration, table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  project?: string;
  name?: string;
  limit: number;
}

export function registerRuns(program: Command, finish: Finish): void {
  const command = program
    .command("runs")
    .description("list runs, newest first")
    .option("--project <name>", "only runs of this project")
    .option("--name <text>", "only runs whose name holds this text")
    .option("--limit <n>", "how many", wholeNumber(1), 20)
    .action(async (flags: Flags) => {
      await list(flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), [
    "testyard runs",
    "testyard runs --name nightly --limit 100 --json",
  ]);
}

async function list(flags: Flags): Promise<void> {
  const client = await clientOf(flags);
  const runs: RunView[] = [];
  const { project, name } = flags;
  const filter = { ...(project !== undefined && { project }), ...(name !== undefined && { name }) };
  for await (const run of client.allRuns(filter)) {
    runs.push(run);
    if (runs.length === flags.limit) break;
  }
  if (flags.json) return printJson(runs);
  if (runs.length === 0) return say("no runs; testyard run makes one");
  print(table(["RUN", "STATE", "TASKS", "OPENED", "TOOK", "NAME"], runs.map(row)));
}

function row({ run_id, state, counts, superseded, total, opened_at, ended_at, name }: RunView): string[] {
  const again = Object.values(superseded).reduce((sum, count) => sum + count, 0);
  const passed = counts.completed - superseded.completed;
  const took = ended_at === null ? "-" : duration(ended_at - opened_at);
  return [run_id, state, `${passed}/${total - again}`, ago(opened_at), took, name];
}
