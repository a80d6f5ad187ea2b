/** testyard help: of a command, of a topic, of an error code. */
import type { Command } from "commander";
import { nearest } from "../../protocol/index.ts";
import { explainCode, knownCodes } from "../error-pages.ts";
import { usage } from "../errors.ts";
import { exitCodesText } from "../exit-codes.ts";
import { print } from "../io.ts";
import { examples } from "./common.ts";

const TOPICS: Readonly<Record<string, () => string>> = { "exit-codes": exitCodesText };

export function registerHelp(program: Command): void {
  const command = program
    .command("help [words...]", { hidden: true })
    .description("show help for a command, a topic or an error code")
    .action((words: string[]) => {
      const text = helpOf(program, words);
      if (text !== null) print(text);
    });
  examples(command, ["testyard help run", "testyard help exit-codes", "testyard help task_unknown"]);
}

/** null: the command has shown its own. */
function helpOf(program: Command, words: readonly string[]): string | null {
  const [first = ""] = words;
  const topic = words.length === 1 ? (TOPICS[first]?.() ?? explainCode(first)) : null;
  if (topic !== null) return topic;
  let command = program;
  for (const word of words) {
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (next === undefined) throw unknown(command, word);
    command = next;
  }
  command.outputHelp();
  return null;
}

function unknown(command: Command, word: string): Error {
  const names = command.commands.map((each) => each.name());
  const guess = nearest(word, [...names, ...Object.keys(TOPICS), ...knownCodes()]);
  const hint = guess === null ? "" : `; did you mean ${guess}?`;
  return usage(`there is no help for "${word}"${hint}`, "testyard help lists the commands");
}
