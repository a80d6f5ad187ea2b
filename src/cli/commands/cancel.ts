/** testyard cancel: ends tasks, or everything of a run. */
import type { Command } from "commander";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  run?: string;
}

export function registerCancel(program: Command, finish: Finish): void {
  const command = program
    .command("cancel [ids...]")
    .description("cancel tasks, or a whole run")
    .option("--run <id>", "every task of this run that has not ended")
    .action(async (ids: string[], flags: Flags) => {
      await cancel(ids, flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), ["testyard cancel 01J…", "testyard cancel --run 01J…"]);
}

async function cancel(ids: readonly string[], flags: Flags): Promise<void> {
  if (ids.length === 0 && flags.run === undefined) throw usage("nothing to cancel: name tasks, or --run ID");
  const client = await clientOf(flags);
  for (const id of ids) await client.cancelTask(id);
  if (flags.run !== undefined) await client.cancelRun(flags.run);
  if (flags.json) return printJson({ cancelled: ids, run: flags.run ?? null });
  for (const id of ids) print(`cancelled ${id}`);
  if (flags.run !== undefined) print(`cancelled what was left of run ${flags.run}`);
}
