/** The command tree: one file each, gathered here, with the manners that all share. */
import { Command, Help, type Option } from "commander";
import { registerArtifacts } from "./commands/artifacts.ts";
import { registerAttach } from "./commands/attach.ts";
import { registerBackup } from "./commands/backup.ts";
import { registerBench } from "./commands/bench.ts";
import { registerCancel } from "./commands/cancel.ts";
import type { Finish } from "./commands/common.ts";
import { registerCompletion } from "./commands/completion.ts";
import { registerConfig } from "./commands/config.ts";
import { registerCoordinator } from "./commands/coordinator.ts";
import { registerCordon, registerUncordon } from "./commands/cordon.ts";
import { registerDoctor } from "./commands/doctor.ts";
import { registerDrain } from "./commands/drain.ts";
import { registerExplain } from "./commands/explain.ts";
import { registerRebuild } from "./commands/rebuild.ts";
import { registerRelease } from "./commands/release.ts";
import { registerRetry } from "./commands/retry.ts";
import { registerRuns } from "./commands/runs.ts";
import { OPERATE, operateText, registerHelp } from "./commands/help.ts";
import { registerInit } from "./commands/init.ts";
import { registerLogs } from "./commands/logs.ts";
import { registerExport } from "./commands/export.ts";
import { registerQuery } from "./commands/query.ts";
import { registerRestore } from "./commands/restore.ts";
import { registerReport } from "./commands/report.ts";
import { registerRun } from "./commands/run.ts";
import { registerScrub } from "./commands/scrub.ts";
import { registerSchedule } from "./commands/schedule.ts";
import { registerSubmit } from "./commands/submit.ts";
import { registerTask } from "./commands/task.ts";
import { registerTasks } from "./commands/tasks.ts";
import { registerUp } from "./commands/up.ts";
import { registerVerify } from "./commands/verify.ts";
import { registerWebhooks } from "./commands/webhooks.ts";
import { registerWorker } from "./commands/worker.ts";
import { registerWorkers } from "./commands/workers.ts";
import { applySettings } from "./config/apply.ts";
import { hostSources } from "./config/resolve.ts";
import { allCommands, allSettings, isGroup, settingsOf } from "./config/settings.ts";
import { ParserStop } from "./errors.ts";
import { beQuiet } from "./io.ts";
import { version } from "./version.ts";

type Register = (program: Command, finish: Finish) => void;

/** A new command is a line here, in the group where somebody would look for it. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, Register>>>> = {
  "Run:": {
    registerRun,
    registerSubmit,
    registerAttach,
    registerCancel,
    registerRetry,
    registerRelease,
    registerSchedule,
  },
  "Look:": {
    registerRuns,
    registerTasks,
    registerTask,
    registerReport,
    registerExplain,
    registerLogs,
    registerArtifacts,
    registerWorkers,
    registerQuery,
    registerExport,
  },
  [OPERATE]: {
    registerCordon,
    registerUncordon,
    registerDrain,
    registerWebhooks,
    registerVerify,
    registerScrub,
    registerDoctor,
    registerRebuild,
    registerBackup,
    registerRestore,
    registerBench,
    registerConfig,
    registerInit,
    registerCompletion,
  },
  "Serve:": {
    registerUp,
    registerCoordinator,
    registerWorker,
  },
};

const AFTER = `
Start with:  testyard run
More:        testyard help COMMAND | operate | exit-codes`;

/** @param finish called with the exit code that the command asks for */
export function createProgram(finish: Finish): Command {
  const program = new Command("testyard")
    .description("Runs tests on a yard of workers, and loses or double counts no result.")
    .version(version(), "-V, --version")
    .helpOption("-h, --help", "show help")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureHelp({ subcommandTerm: termOf, visibleCommands: shownCommands, visibleOptions: shownOptions })
    // What the parser has to say is said by main, in the way of all other errors.
    .configureOutput({ outputError: () => {} });
  for (const [title, commands] of Object.entries(GROUPS)) {
    program.commandsGroup(title);
    for (const register of Object.values(commands)) register(program, finish);
  }
  registerHelp(program);
  program.addHelpText("after", () => `\n${operateText(program)}\n${AFTER}`);
  for (const command of [program, ...allCommands(program)]) {
    command.exitOverride((error) => {
      throw new ParserStop(error, command);
    });
    if (command.commands.length > 0) command.helpCommand(false);
    if (!isGroup(command)) command.option("--quiet", "only data and errors");
  }
  return program.hook("preAction", async (_program, command) => {
    await configure(program, command);
    if (command.optsWithGlobals()["quiet"] === true) beQuiet();
  });
}

async function configure(program: Command, command: Command): Promise<void> {
  if (settingsOf(command).length === 0) return;
  applySettings(command, await hostSources(allSettings(program)));
}

/** Known before the command line could be parsed, because it may be what cannot be. */
export function wantsJson(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): boolean {
  const end = argv.indexOf("--");
  const isSet = /^(1|true|yes|on)$/i.test(env["TESTYARD_JSON"] ?? "");
  return isSet || (end < 0 ? argv : argv.slice(0, end)).includes("--json");
}

/** The page of the program must fit one screen: what is needed seldom stands there by its names alone. */
const plainHelp = new Help();

function shownCommands(command: Command): Command[] {
  const all = plainHelp.visibleCommands(command);
  return command.parent === null ? all.filter((each) => each.helpGroup() !== OPERATE) : all;
}

function shownOptions(command: Command): Option[] {
  return command.parent === null ? [] : plainHelp.visibleOptions(command);
}

/** Every command has options; saying so of each would cost the list its one screen. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "…" : ""}`;
    return argument.required ? ` <${name}>` : ` [${name}]`;
  });
  return command.name() + words.join("");
}
