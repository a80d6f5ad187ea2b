/** testyard run: discover, ship, run, report. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { shaped } from "../config/shape.ts";
import { artifactPattern, environment, matrixAxis, secondsToMs, wholeNumber, words } from "../flags.ts";
import { REPORT_FORMATS, type ReportFormat } from "../run/reports.ts";
import { usage } from "../errors.ts";
import type { Order } from "../run/plan.ts";
import type { RunFlags } from "../run/run.ts";
import { examples, type Finish, printsJson, waits } from "./common.ts";

const WHERE = `
Without --coordinator it starts a yard on this machine and stops it after. The default path is ".".`;

const ORDERS: readonly Order[] = ["longest", "fail-fast"];

interface Flags extends RunFlags {
  attach?: string;
}

export function registerRun(program: Command, finish: Finish): void {
  const command = program
    .command("run [paths...]")
    .description("find all tests under the paths, run them, report")
    .option("--coordinator <url>", "run there instead of on this machine alone")
    .option("--data-dir <dir>", "data directory of that yard, for its key")
    .option(
      "--workers <n>",
      "of the yard on this machine; default: 2, or 1 on a single core",
      wholeNumber(1, 256),
    )
    .option(
      "--slots <n>",
      "of each of these workers; default: together one for each core",
      wholeNumber(1, 256),
    )
    .option("--root <dir>", "folder that is shipped; default: this one, or the nearest that holds all paths")
    .option("--only-tracked", "ship only what git tracks")
    .option("--command <words>", "run this instead of looking for suites, in the folder you are in", words)
    .option("--reads <report>", "what it leaves: tap, junit, or a pattern such as out/*.xml")
    .option("--args <words>", 'for the test framework, such as "-k fast"', words)
    .option("--env <name[=value]>", "variable for the tests; may be repeated", environment)
    .option("--artifacts <globs...>", "files to keep of each task, such as out/**/*.png", artifactPattern)
    .option("--project <name>", "project that the run belongs to")
    .addOption(
      new Option(
        "--order <which>",
        "which tests start first: the longest, or those that failed lately or changed",
      )
        .choices([...ORDERS])
        .default("longest" satisfies Order),
    )
    .option("--only-changed", "only tests that the change since --since can touch")
    .option("--since <commit>", "what the change is counted from", "HEAD")
    .option("--matrix <axis=values>", "run all tests for each value; may be repeated", matrixAxis)
    .option("--reuse", "take over files that passed before with the same inputs on such a machine")
    .option("--retries <n>", "how often a failed task is tried again", wholeNumber(0, 100), 0)
    .option("--timeout <s>", "limit for each task (3600)", secondsToMs)
    .addOption(
      new Option("--placement-timeout <s>", "how long to wait for a worker that fits")
        .argParser(secondsToMs)
        .default(60_000, "60"),
    )
    .addOption(new Option("--attach <run>", "the same as testyard attach <run>"))
    .addHelpText("after", WHERE)
    .action(async (paths: string[], flags: Flags) => finish(await start(paths, flags)));
  examples(printsJson(waits(writesReports(command))), [
    "testyard run",
    "testyard run tests/unit --workers 4 --retries 1 --report-dir out",
    "testyard run --coordinator http://127.0.0.1:8080 --json > result.json",
  ]);
}

export function writesReports(command: Command): Command {
  return command
    .option("--report <formats...>", `reports to write: ${REPORT_FORMATS.join(", ")}`, oneOfFormats)
    .option("--report-dir <dir>", "where to (testyard-report); alone it asks for all of them");
}

async function start(paths: string[], flags: Flags): Promise<number> {
  if (flags.attach !== undefined) {
    const { attach } = await import("../run/attach.ts");
    return attach(flags.attach, flags);
  }
  refuseMixture(paths, flags);
  const { run } = await import("../run/run.ts");
  return run(paths.length > 0 ? paths : ["."], flags);
}

const oneOfFormats = shaped({ kind: "choice", choices: REPORT_FORMATS }, format);

/** What chooses among suites has nothing to choose from when a command is given. */
function refuseMixture(paths: readonly string[], flags: Flags): void {
  if (flags.command === undefined) {
    if (flags.reads !== undefined) throw usage("--reads is of --command: say what is to be run");
    return;
  }
  const { onlyChanged, reuse, args } = flags;
  const others = { "--only-changed": onlyChanged, "--reuse": reuse, "--args": args };
  const [wrong] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (wrong !== undefined || paths.length > 0) {
    throw usage(`--command is run as it is: leave out ${wrong ?? "the paths"}`);
  }
}

function format(text: string, before: ReportFormat[] | undefined): ReportFormat[] {
  const found = REPORT_FORMATS.find((known) => known === text);
  if (found === undefined) throw new InvalidArgumentError(`One of ${REPORT_FORMATS.join(", ")}.`);
  return [...(before ?? []), found];
}
