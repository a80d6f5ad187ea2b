/** testyard workers: who is there, what they have, what they do. */
import type { Command } from "commander";
import type { WorkerView } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson, say } from "../io.ts";
import { table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

export function registerWorkers(program: Command, finish: Finish): void {
  const command = program
    .command("workers")
    .description("list workers")
    .action(async (flags: ClientFlags) => {
      const client = await clientOf(flags);
      const workers = await client.workers();
      if (flags.json) printJson(workers);
      else if (workers.length === 0) say("no workers; testyard worker --coordinator URL starts one");
      else print(table(["WORKER", "STATE", "BUSY", "HEARD", "HARDWARE"], workers.map(row)));
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), ["testyard workers", "testyard workers --json"]);
}

function row(worker: WorkerView): string[] {
  const { capabilities, cordoned, last_heard_seconds: heard } = worker;
  const gpus = capabilities.gpus.map(({ model }) => model).join(", ");
  const hardware = [
    `${capabilities.cpu.logical_cores} × ${capabilities.cpu.model}`,
    `${Math.round(capabilities.memory_mb / 1024)} GB`,
    `${capabilities.os}/${capabilities.arch}`,
    ...(gpus === "" ? [] : [gpus]),
  ];
  return [
    worker.worker_id,
    cordoned === null ? worker.state : `${worker.state}, cordoned: ${cordoned}`,
    `${worker.busy}/${worker.slots}`,
    heard === null ? "-" : `${heard.toFixed(0)} s ago`,
    hardware.join(", "),
  ];
}
