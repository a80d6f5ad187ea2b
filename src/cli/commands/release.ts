/** testyard release TASK…: a task that was held back because workers went down with it may run again. */
import type { Command } from "commander";
import type { TaskView } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

export function registerRelease(program: Command, finish: Finish): void {
  const command = program
    .command("release <ids...>")
    .description("let a poisoned task run again")
    .action(async (ids: string[], flags: ClientFlags) => {
      const client = await clientOf(flags);
      const released: TaskView[] = [];
      for (const id of ids) released.push(await client.releaseTask(id));
      if (flags.json) printJson(released);
      else for (const { task_id, state } of released) print(`released ${task_id}, now ${state}`);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), ["testyard tasks --state poisoned", "testyard release 01J…"]);
}
