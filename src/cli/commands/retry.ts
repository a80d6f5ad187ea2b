/** testyard retry: repeats tasks, or what has not passed of a run, and follows that run to its verdict. */
import { type Command, Option } from "commander";
import type { TaskView } from "../../protocol/index.ts";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { secondsToMs } from "../flags.ts";
import { print, printJson, say } from "../io.ts";
import type { ReportFlags } from "../run/reports.ts";
import { coordinatorFlag } from "../run/run.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";
import { writesReports } from "./run.ts";

interface Flags extends ClientFlags, ReportFlags {
  failed?: string;
  cases?: true;
  force?: true;
  detach?: true;
  waitTimeout?: number;
}

export function registerRetry(program: Command, finish: Finish): void {
  const command = program
    .command("retry [ids...]")
    .description("repeat tasks that have ended, or what failed of a run")
    .addOption(new Option("--failed <run>", "everything of this run that has not passed; follows the run"))
    .option("--cases", "only the cases that failed, where that is known")
    .option("--force", "a task that has passed, too")
    .option("--detach", "with --failed: do not follow the run")
    .option("--wait-timeout <s>", "how long to follow at most; then it ends with 5", secondsToMs)
    .action(async (ids: string[], flags: Flags) => finish(await retry(ids, flags)));
  examples(printsJson(reaches(writesReports(command))), [
    "testyard retry --failed 01J… --cases",
    "testyard retry 01J…",
    "testyard retry --failed 01J… --detach --json",
  ]);
}

async function retry(ids: readonly string[], flags: Flags): Promise<number> {
  if (ids.length > 0 === (flags.failed !== undefined)) {
    throw usage("name tasks to repeat, or a run with --failed", "testyard runs lists the runs");
  }
  if (flags.failed !== undefined) {
    if (flags.force) throw usage("--force is of single tasks: of a run only what has not passed is repeated");
    return retryFailed(flags.failed, flags);
  }
  const { detach, waitTimeout, report, reportDir } = flags;
  if ([detach, waitTimeout, report, reportDir].some((flag) => flag !== undefined)) {
    throw usage("--detach, --wait-timeout and reports are of --failed: of single tasks no run is followed");
  }
  const client = await clientOf(flags);
  const made: TaskView[] = [];
  for (const id of ids) {
    const force = flags.force === true;
    made.push(await client.retryTask(id, { cases: flags.cases === true, force }));
  }
  if (flags.json) printJson(made);
  else for (const { task_id } of made) print(task_id);
  say(`see how it goes: testyard attach ${made[0]?.run_id ?? ""}${coordinatorFlag(flags)}`);
  return EXIT.passed;
}

async function retryFailed(run: string, flags: Flags): Promise<number> {
  const client = await clientOf(flags);
  const answer = await client.retryRun(run, { cases: flags.cases === true });
  const { run_id, task_ids } = answer;
  if (task_ids.length === 0) say(`nothing of run ${run} is left to repeat`);
  else say(`repeats ${task_ids.length} ${task_ids.length === 1 ? "task" : "tasks"} in run ${run_id}`);
  if (flags.detach) {
    if (flags.json) printJson(answer);
    else if (task_ids.length > 0) print(task_ids.join("\n"));
    return EXIT.passed;
  }
  const { attach } = await import("../run/attach.ts");
  return attach(run_id, { ...flags, placementTimeout: null });
}
