/** The command tree: one file each, gathered here, with the manners that all share. */
import { Command, type CommanderError } from "commander";
import { registerBench } from "./commands/bench.ts";
import { registerCancel } from "./commands/cancel.ts";
import { registerCoordinator } from "./commands/coordinator.ts";
import { registerCordon, registerUncordon } from "./commands/cordon.ts";
import { registerDrain } from "./commands/drain.ts";
import { registerExplain } from "./commands/explain.ts";
import { registerRelease } from "./commands/release.ts";
import { registerLogs } from "./commands/logs.ts";
import { registerRun } from "./commands/run.ts";
import { registerSubmit } from "./commands/submit.ts";
import { registerTask } from "./commands/task.ts";
import { registerTasks } from "./commands/tasks.ts";
import { registerUp } from "./commands/up.ts";
import { registerVerify } from "./commands/verify.ts";
import { registerWorker } from "./commands/worker.ts";
import { registerWorkers } from "./commands/workers.ts";
import { EXIT, EXIT_CODES_HELP } from "./exit-codes.ts";
import { say } from "./io.ts";
import { version } from "./version.ts";

const REGISTER = [
  registerRun,
  registerUp,
  registerCoordinator,
  registerWorker,
  registerSubmit,
  registerTasks,
  registerTask,
  registerExplain,
  registerLogs,
  registerCancel,
  registerRelease,
  registerWorkers,
  registerCordon,
  registerUncordon,
  registerDrain,
  registerVerify,
  registerBench,
];

/** @param finish called with the exit code that the command asks for */
export function createProgram(finish: (code: number) => void): Command {
  const program = new Command("testyard")
    .description("Runs tests on many machines, and loses or double counts no result.")
    .version(version(), "-V, --version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .showSuggestionAfterError(true)
    .configureHelp({ subcommandTerm: termOf })
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride();
  for (const register of REGISTER) register(program, finish);
  program.addHelpText("after", `\n${EXIT_CODES_HELP}\n\nStart with:  testyard run`);
  return program;
}

/** Every command has options; saying so of each would cost the list its one screen. */
function termOf(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = `${argument.name()}${argument.variadic ? "…" : ""}`;
    return argument.required ? ` <${name}>` : ` [${name}]`;
  });
  return command.name() + words.join("");
}

/** What the parser itself refused is usage; help and version are no errors. */
export function exitOfParser(error: CommanderError): number {
  if (error.exitCode === 0) return EXIT.passed;
  if (error.code !== "commander.help") say("run testyard help, or the command with --help");
  return EXIT.usage;
}
