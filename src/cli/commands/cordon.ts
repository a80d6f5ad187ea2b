/** testyard cordon, uncordon: whether a worker is given new tasks. What it runs goes on either way. */
import type { Command } from "commander";
import type { WorkerView } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  reason?: string;
}

export function registerCordon(program: Command, finish: Finish): void {
  const command = program
    .command("cordon <worker>")
    .description("give a worker no new tasks; what it runs goes on")
    .option("--reason <text>", "shown wherever the worker is")
    .action(async (id: string, flags: Flags) => {
      const worker = await (await clientOf(flags)).cordonWorker(id, flags.reason);
      show(worker, flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), [
    'testyard cordon w3 --reason "fan is loud"',
    "testyard uncordon w3",
  ]);
}

export function registerUncordon(program: Command, finish: Finish): void {
  const command = program
    .command("uncordon <worker>")
    .description("give a worker new tasks again")
    .action(async (id: string, flags: ClientFlags) => {
      const worker = await (await clientOf(flags)).uncordonWorker(id);
      show(worker, flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), ["testyard uncordon w3"]);
}

function show(worker: WorkerView, { json }: ClientFlags): void {
  if (json) return printJson(worker);
  const { worker_id, cordoned, busy } = worker;
  if (cordoned === null) return print(`${worker_id} takes new tasks`);
  print(`${worker_id} takes no new tasks: ${cordoned}; ${busy === 0 ? "it holds none" : `it holds ${busy}`}`);
}
