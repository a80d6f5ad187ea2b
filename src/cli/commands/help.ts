/** testyard help: of a command, of a topic, of an error code. */
import { type Command, Help } from "commander";
import { nearest } from "../../protocol/index.ts";
import { explainCode, knownCodes } from "../error-pages.ts";
import { usage } from "../errors.ts";
import { exitCodesText } from "../exit-codes.ts";
import { print } from "../io.ts";
import { examples } from "./common.ts";

export const OPERATE = "Operate:";

const TOPICS: Readonly<Record<string, (program: Command) => string>> = {
  "exit-codes": exitCodesText,
  operate: operateList,
};

function operating(program: Command): Command[] {
  return new Help().visibleCommands(program).filter((command) => command.helpGroup() === OPERATE);
}

const WIDTH = 76;

/** Names alone, in lines. */
export function operateText(program: Command): string {
  const lines = [""];
  for (const command of operating(program)) {
    const name = command.name();
    const last = lines.at(-1) ?? "";
    if (last.length + name.length > WIDTH) lines.push(name);
    else lines[lines.length - 1] = last === "" ? name : `${last}, ${name}`;
  }
  return [OPERATE, ...lines.map((line) => `  ${line}`)].join("\n");
}

function operateList(program: Command): string {
  const commands = operating(program);
  const width = Math.max(...commands.map((command) => command.name().length));
  return commands.map((command) => `${command.name().padEnd(width)}  ${command.description()}`).join("\n");
}

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
  const topic = words.length === 1 ? (TOPICS[first]?.(program) ?? explainCode(first)) : null;
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
