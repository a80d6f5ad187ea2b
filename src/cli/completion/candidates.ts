/**
 * What may come next on a command line. The shells ask `testyard complete` with the words so far, so that all
 * of them know what this version knows; what is only a name here (a task, a run) is looked up by who asked.
 */
import { type Argument, type Command, Help, type Option } from "commander";
import { shapeOf, type Shape } from "../config/shape.ts";

export interface Candidate {
  value: string;
  description: string;
}

export type Live = "task" | "run" | "worker";

export type Next =
  | { kind: "values"; values: readonly Candidate[] }
  | { kind: "live"; of: Live; command: Command }
  | { kind: "files" | "dirs" | "nothing" };

const NOTHING: Next = { kind: "nothing" };

/** @param words after the program's name; the last is the one that is being typed */
export function nextOf(program: Command, words: readonly string[]): Next {
  const typed = words.filter((word) => word !== "=");
  const current = typed.at(-1) ?? "";
  const place = walk(program, typed.slice(0, -1));
  if (place.open !== null) return optionValues(place.open, place.command);
  if (current.startsWith("-") && !place.isPlain) return flagsOf(place.command);
  if (place.command.commands.length > 0) return commandsBelow(place.command);
  return argumentValues(place);
}

interface Place {
  command: Command;
  /** A flag that waits for its value. */
  open: Option | null;
  /** How many arguments stand before. */
  count: number;
  /** After `--` nothing is a flag. */
  isPlain: boolean;
}

function walk(program: Command, words: readonly string[]): Place {
  let place: Place = { command: program, open: null, count: 0, isPlain: false };
  for (const word of words) place = step(place, word);
  return place;
}

function step(place: Place, word: string): Place {
  const { command, open, isPlain } = place;
  // A flag with several values goes on until something that is none.
  if (open !== null && !word.startsWith("-")) return { ...place, open: open.variadic ? open : null };
  if (isPlain) return { ...place, count: place.count + 1 };
  if (word === "--") return { ...place, open: null, isPlain: true };
  if (word.startsWith("-")) {
    const option = command.options.find(({ long, short }) => long === word || short === word);
    const takesValue = option !== undefined && !option.isBoolean();
    return { ...place, open: takesValue ? option : null };
  }
  const below = command.commands.find((each) => each.name() === word);
  return below === undefined ? { ...place, count: place.count + 1 } : { ...place, command: below };
}

function values(list: readonly Candidate[]): Next {
  return { kind: "values", values: list };
}

function flagsOf(command: Command): Next {
  const flags = command.options.map(({ long, short, description }) => ({
    value: long ?? short ?? "",
    description,
  }));
  return values([...flags, { value: "--help", description: "show help" }]);
}

function commandsBelow(command: Command): Next {
  // The page of the program shows some by name alone, which is no reason to hide them here.
  const visible = new Help().visibleCommands(command);
  return values(visible.map((each) => ({ value: each.name(), description: each.description() })));
}

function optionValues(option: Option, command: Command): Next {
  const byShape = shapeValues(shapeOf(option));
  if (byShape !== null) return byShape;
  const of = liveOf((option.long ?? "").slice(2)) ?? liveOf(placeholder(option.flags));
  return of === null ? NOTHING : { kind: "live", of, command };
}

function argumentValues({ command, count }: Place): Next {
  const argument = argumentAt(command, count);
  if (argument === undefined) return NOTHING;
  if (argument.argChoices !== undefined) return choices(argument.argChoices);
  const name = argument.name().replace(/s$/, "");
  if (["path", "file", "dir", "folder"].includes(name)) return { kind: "files" };
  const of = name === "id" ? "task" : liveOf(name);
  return of === null ? NOTHING : { kind: "live", of, command };
}

function argumentAt(command: Command, count: number): Argument | undefined {
  const list = command.registeredArguments;
  return list[count] ?? (list.at(-1)?.variadic === true ? list.at(-1) : undefined);
}

function shapeValues(shape: Shape): Next | null {
  switch (shape.kind) {
    case "choice":
      return choices(shape.choices);
    case "list":
      return shapeValues(shape.of);
    case "path":
      return { kind: "files" };
    case "text":
      return null;
    default:
      return NOTHING;
  }
}

function choices(list: readonly string[]): Next {
  return values(list.map((value) => ({ value, description: "" })));
}

function placeholder(flags: string): string {
  return /[<[]([a-z]+)/.exec(flags)?.[1] ?? "";
}

function liveOf(name: string): Live | null {
  if (name === "run" || name === "attach") return "run";
  return name === "task" || name === "worker" ? name : null;
}
