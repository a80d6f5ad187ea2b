/** testyard tasks: what is waiting, running and done. */
import { type Command, Option } from "commander";
import type { TaskView } from "../../protocol/index.ts";
import { EXIT } from "../exit-codes.ts";
import { wholeNumber } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import { ago, table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

const STATES = [
  "pending",
  "queued",
  "assigned",
  "running",
  "completed",
  "failed",
  "timed_out",
  "cancelled",
  "skipped",
  "poisoned",
];

interface Flags extends ClientFlags {
  state?: string;
  run?: string;
  project?: string;
  limit: number;
}

export function registerTasks(program: Command, finish: Finish): void {
  const command = program
    .command("tasks")
    .description("list tasks, newest first")
    .addOption(new Option("--state <state>", "only these").choices(STATES))
    .option("--run <id>", "only tasks of this run")
    .option("--project <name>", "only tasks of this project")
    .option("--limit <n>", "how many", wholeNumber(1), 50)
    .action(async (flags: Flags) => {
      await list(flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), [
    "testyard tasks --state running",
    "testyard tasks --run 01J… --limit 1000 --json",
  ]);
}

async function list(flags: Flags): Promise<void> {
  const client = await clientOf(flags);
  const tasks: TaskView[] = [];
  const query = {
    ...(flags.state !== undefined && { state: flags.state as TaskView["state"] }),
    ...(flags.run !== undefined && { run_id: flags.run }),
    ...(flags.project !== undefined && { project: flags.project }),
  };
  for await (const task of client.allTasks(query)) {
    tasks.push(task);
    if (tasks.length === flags.limit) break;
  }
  if (flags.json) return printJson(tasks);
  if (tasks.length === 0) return say("no tasks; testyard run, or testyard submit, makes some");
  print(table(["TASK", "STATE", "WORKER", "TRIES", "SUBMITTED", "NAME"], tasks.map(row)));
}

function row(task: TaskView): string[] {
  const reason = task.reason === null ? "" : `  (${task.reason})`;
  return [
    task.task_id,
    task.state,
    task.worker_id ?? "-",
    String(task.attempts),
    ago(task.submitted_at),
    `${task.name}${reason}`,
  ];
}
