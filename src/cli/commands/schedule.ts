/** testyard schedule: tasks that are submitted again and again, each time as a run of its own. */
import { type Command, Option } from "commander";
import type { ScheduleView } from "../../protocol/index.ts";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson } from "../io.ts";
import { readTasks } from "../run/task-file.ts";
import { ago, duration, table } from "../table.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface AddFlags extends ClientFlags {
  cron?: string;
  task?: string;
  timezone?: string;
  project?: string;
  overlap?: "skip" | "allow";
}

interface Action {
  act: (flags: ClientFlags, argument: string) => Promise<void>;
  /** What follows the command's name. */
  example?: string;
}

const NIGHTLY = 'add nightly --cron "0 3 * * *" --timezone Europe/Berlin --task nightly.json';

export function registerSchedule(program: Command, finish: Finish): void {
  const group = program.command("schedule").description("submit tasks again and again, at set times");
  registerAdd(group, finish);
  const add = (name: string, about: string, { act, example = "" }: Action): void => {
    const command = group.command(name).description(about);
    printsJson(reaches(command)).action(async () => {
      await act(command.opts<ClientFlags>(), command.args[0] ?? "");
      finish(EXIT.passed);
    });
    examples(command, [`testyard schedule ${command.name()} ${example}`.trim()]);
  };
  add("list", "all schedules, with their next times", { act: list });
  add("remove <name>", "remove one; its runs stay", { act: remove, example: "nightly" });
  add("run-now <name>", "start its tasks now", { act: runNow, example: "nightly" });
  examples(group, ["testyard schedule list", `testyard schedule ${NIGHTLY}`]);
}

function registerAdd(group: Command, finish: Finish): void {
  const command = group
    .command("add <name>")
    .description("make a schedule, or replace the one of this name")
    .option("--cron <times>", 'minute hour day month weekday, such as "0 3 * * *"; or @daily')
    .option("--task <file>", "JSON of one task or a list of tasks; - for standard input")
    .option("--timezone <name>", "such as Europe/Berlin (UTC)")
    .option("--project <name>", "project that the runs belong to")
    .addOption(
      new Option("--overlap <policy>", "when the run before is still open: skip the time, or allow both")
        .choices(["skip", "allow"])
        .default("skip"),
    )
    .action(async (name: string, flags: AddFlags) => {
      const { cron, task, timezone, project, overlap } = flags;
      if (cron === undefined || task === undefined) {
        throw usage("a schedule needs --cron and --task", "testyard schedule add --help shows an example");
      }
      const tasks = await readTasks(task);
      const client = await clientOf(flags);
      const when = { ...(timezone !== undefined && { timezone }), ...(overlap !== undefined && { overlap }) };
      const more = { ...when, ...(project !== undefined && { project }) };
      show(await client.setSchedule({ name, cron, tasks, ...more }), flags);
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(command)), [`testyard schedule ${NIGHTLY}`]);
}

export function show(schedule: ScheduleView, { json }: ClientFlags): void {
  if (json) return printJson(schedule);
  print(`schedule ${schedule.name}: next ${nextOf(schedule)}`);
}

function nextOf({ next_at }: ScheduleView): string {
  if (next_at === null) return "never";
  return `${new Date(next_at).toISOString()} (in ${duration(Math.max(0, next_at - Date.now()))})`;
}

async function list(flags: ClientFlags): Promise<void> {
  const schedules = await (await clientOf(flags)).schedules();
  if (flags.json) return printJson(schedules);
  if (schedules.length === 0) return print("no schedules; testyard schedule add makes one");
  const rows = schedules.map((schedule) => [
    schedule.name,
    `${schedule.cron} ${schedule.timezone}`,
    nextOf(schedule),
    lastOf(schedule),
  ]);
  print(table(["NAME", "TIMES", "NEXT", "LAST"], rows));
}

function lastOf({ last, skipped }: ScheduleView): string {
  const ran = last === null ? "" : `run ${last.run_id}, ${ago(last.due_at)}`;
  if (skipped === null) return ran;
  return `${ran === "" ? "" : `${ran}; `}skipped ${ago(skipped.due_at)}: ${skipped.reason}`;
}

async function remove(flags: ClientFlags, name: string): Promise<void> {
  const schedule = await (await clientOf(flags)).removeSchedule(name);
  if (flags.json) printJson(schedule);
  else print(`removed ${schedule.name}`);
}

async function runNow(flags: ClientFlags, name: string): Promise<void> {
  const run = await (await clientOf(flags)).runSchedule(name);
  if (flags.json) printJson(run);
  else print(run.run_id);
}
