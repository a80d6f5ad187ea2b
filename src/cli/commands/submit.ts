/** testyard submit: a test file with its folder, or tasks as JSON; and, when asked, the wait for them. */
import { type Command, Option } from "commander";
import type { TaskInput } from "../../protocol/index.ts";
import type { Client } from "../../client/index.ts";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { environment, secondsToMs, wholeNumber, words } from "../flags.ts";
import { onInterrupt } from "../interrupt.ts";
import { print, printJson, say } from "../io.ts";
import { fileTask } from "../run/file-task.ts";
import { readTasks } from "../run/task-file.ts";
import { streamLogs } from "../run/stream-logs.ts";
import { coordinatorFlag } from "../run/run.ts";
import { show as showSchedule } from "./schedule.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches, waits } from "./common.ts";

interface Flags extends ClientFlags {
  task?: string;
  testFile?: string;
  testArgs?: string[];
  priority?: number;
  timeout?: number;
  root?: string;
  env?: Record<string, string>;
  project?: string;
  wait?: true;
  waitTimeout?: number;
  follow?: true;
  webhook?: string[];
  cron?: string;
  timezone?: string;
  scheduleName?: string;
}

export function registerSubmit(program: Command, finish: Finish): void {
  const command = program
    .command("submit")
    .description("submit a test file, or tasks as JSON")
    .addOption(new Option("--test-file <path>", "a test file; its workspace is shipped with it"))
    .option("--test-args <words>", 'for the file\'s framework, such as "--verbose -k fast"', words)
    .option("--root <dir>", "folder that is shipped with the file; default: this one", ".")
    .option("--task <file>", "JSON of one task or a list of tasks; - for standard input")
    .option("--priority <n>", "lower is more urgent", wholeNumber(0, 1000))
    .option("--timeout <s>", "limit for each attempt (3600)", secondsToMs)
    .option("--env <name[=value]>", "variable for the task; may be repeated", environment)
    .option("--project <name>", "project that the tasks belong to")
    .option("--webhook <url>", "told when the tasks have ended; may be repeated", each)
    .option("--cron <times>", 'not now, but at these times, such as "0 3 * * *": makes a schedule')
    .option("--timezone <name>", "of --cron, such as Europe/Berlin (UTC)")
    .option("--schedule-name <name>", "of --cron; default: the first task's name")
    .option("--wait", "until everything has ended, and exit as it ended")
    .option("--follow", "wait, and print the logs meanwhile")
    .action(async (flags: Flags) => finish(await submit(flags)));
  examples(printsJson(reaches(waits(command))), [
    'testyard submit --test-file tests/test_a.py --test-args "--verbose -k fast" --priority 1',
    "testyard submit --task task.json --wait",
    'echo \'{"type":"command","config":{"command":["make"]}}\' | testyard submit --task - --follow',
  ]);
}

async function submit(flags: Flags): Promise<number> {
  const given = await givenTasks(flags);
  const client = await clientOf(flags);
  const tasks = (given ?? [await fileTask(client, flags)]).map((task) => withFlags(task, flags));
  if (flags.cron !== undefined) return schedule(client, tasks, { ...flags, cron: flags.cron });
  const interrupt = flags.wait === true || flags.follow === true ? onInterrupt() : null;
  const answer = await client.submitTasks(tasks, {
    ...(flags.project !== undefined && { project: flags.project }),
    ...(flags.webhook !== undefined && { run: { webhooks: flags.webhook } }),
  });
  if (interrupt === null) {
    if (flags.json) printJson(answer);
    else print(answer.task_ids.join("\n"));
    say(`see how it goes: testyard task ${answer.task_ids[0] ?? ""}${coordinatorFlag(flags)}`);
    return EXIT.passed;
  }
  const logs = flags.follow === true ? streamLogs(client, answer.task_ids) : null;
  const { attach } = await import("../run/attach.ts");
  try {
    return await attach(answer.run_id, { ...flags, placementTimeout: null }, { interrupt });
  } finally {
    await logs?.stop();
  }
}

const each = (text: string, before: string[] = []): string[] => [...before, text];

async function schedule(
  client: Client,
  tasks: TaskInput[],
  flags: Flags & { cron: string },
): Promise<number> {
  const { cron, timezone, project, wait, follow, webhook } = flags;
  if (wait === true || follow === true || webhook !== undefined) {
    throw usage("--cron starts nothing now, so --wait, --follow and --webhook do not go with it");
  }
  const name = flags.scheduleName ?? nameFor(tasks[0]?.name ?? "");
  const where = { ...(timezone !== undefined && { timezone }), ...(project !== undefined && { project }) };
  showSchedule(await client.setSchedule({ name, cron, tasks, ...where }), flags);
  return EXIT.passed;
}

/** What a schedule may be called, made of what a task is called. */
function nameFor(taskName: string): string {
  const name = taskName
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 64);
  if (name !== "") return name;
  throw usage("the task has no name to call the schedule by", "give --schedule-name NAME");
}

async function givenTasks(flags: Flags): Promise<TaskInput[] | null> {
  if ((flags.task === undefined) === (flags.testFile === undefined)) {
    throw usage("give either --test-file or --task", "testyard submit --help shows examples");
  }
  if (flags.task === undefined) return null;
  return readTasks(flags.task);
}

/** Flags win over what the file says. */
function withFlags(task: TaskInput, { priority, timeout, env }: Flags): TaskInput {
  return {
    ...task,
    ...(priority !== undefined && { priority }),
    ...(timeout !== undefined && { timeout_seconds: timeout / 1000 }),
    ...(env !== undefined && { env: { ...task.env, ...env } }),
  };
}
