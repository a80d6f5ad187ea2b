/** What several commands share: how to reach a coordinator, how to ask for JSON, how examples look. */
import { type Command, Option } from "commander";
import { secondsToMs } from "../flags.ts";
import { clientFor, DEFAULT_URL, type Target } from "../connection.ts";
import type { Client } from "../../client/index.ts";

/** Told how the command ended. */
export type Finish = (code: number) => void;

export interface ClientFlags extends Target {
  json?: true;
}

export function reaches(command: Command): Command {
  return command
    .addOption(
      new Option("--coordinator <url>", `address of the coordinator; default: ${DEFAULT_URL}`).default(
        undefined,
        DEFAULT_URL,
      ),
    )
    .option("--data-dir <dir>", "data directory of the yard, for its key");
}

export function printsJson(command: Command): Command {
  return command.option("--json", "print JSON");
}

export function waits(command: Command): Command {
  return command.option(
    "--wait-timeout <s>",
    "how long to wait at most; then it ends with 5 and the tasks go on",
    secondsToMs,
  );
}

const exampleLines = new WeakMap<Command, readonly string[]>();

export function examplesOf(command: Command): readonly string[] {
  return exampleLines.get(command) ?? [];
}

export function examples(command: Command, lines: readonly string[]): Command {
  exampleLines.set(command, lines);
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`);
}

export function clientOf(flags: Target): Promise<Client> {
  return clientFor(flags);
}
