/**
 * Every flag of every command as a setting: its key in a file and its environment variable follow from its
 * name, so that no flag can be forgotten and none has a rule of its own.
 *
 *   testyard run --placement-timeout   TESTYARD_PLACEMENT_TIMEOUT   run.placement_timeout
 *
 * What several commands mean in the same way may stand at the top of a file, once for all of them.
 */
import type { Command, Option } from "commander";
import { shapeOf, type Shape } from "./shape.ts";

export interface Setting {
  /** `run.placement_timeout`: a flag's command and name. */
  key: string;
  path: readonly string[];
  /** Where else in a file it may stand; the own path wins. */
  shared: readonly (readonly string[])[];
  env: string;
  shape: Shape;
  description: string;
  isSecret: boolean;
  /** As `command.opts()` has it. */
  attribute: string;
  /** null: it is no flag, for what is typed is seen by everybody on the machine. */
  option: Option | null;
}

/** Keys at the top of a file that hold for every command with such a flag. */
const SHARED_KEYS = ["coordinator", "data_dir", "db_path", "project", "quiet"] as const;

/** `coordinator` is an address and a command: as a section it says the address as `url`. */
export const ADDRESS_IN_SECTION = "url";

const CLIENT_KEY = {
  key: "client_key",
  path: ["client_key"],
  shared: [],
  env: "TESTYARD_CLIENT_KEY",
  shape: { kind: "text" },
  description: "Key of the yard; without it the key in the data directory is taken.",
  isSecret: true,
  attribute: "clientKey",
  option: null,
} as const satisfies Setting;

const snake = (name: string): string => name.replaceAll("-", "_");

const unconfigured = new WeakSet<Command>();

/** For what must work where a file is wrong, above all what shows and mends it. */
export function takesNoSettings(command: Command): Command {
  unconfigured.add(command);
  return command;
}

export function settingsOf(command: Command): Setting[] {
  if (unconfigured.has(command) || isGroup(command)) return [];
  const settings = command.options.map((option) => settingOf(command, option));
  const reaches = settings.some(({ attribute }) => attribute === "coordinator");
  return reaches ? [...settings, CLIENT_KEY] : settings;
}

/** It only leads to its commands; one such as testyard report does something by itself too. */
export function isGroup({ commands, options, parent }: Command): boolean {
  return commands.length > 0 && (parent === null || options.length === 0);
}

export function allCommands(command: Command): Command[] {
  return command.commands.flatMap((each) => [each, ...allCommands(each)]);
}

/** Of the whole program, each key once. */
export function allSettings(program: Command): Setting[] {
  const found = allCommands(program).flatMap(settingsOf);
  return [...new Map(found.map((setting) => [setting.key, setting])).values()];
}

function settingOf(command: Command, option: Option): Setting {
  const name = snake((option.long ?? option.short ?? "").replace(/^--?(no-)?/, ""));
  const path = [...sectionOf(command), name];
  return {
    key: path.join("."),
    path,
    shared: sharedPlaces(name),
    env: `TESTYARD_${name.toUpperCase()}`,
    shape: shapeOf(option),
    description: option.description,
    isSecret: SECRET.test(name),
    attribute: option.attributeName(),
    option,
  };
}

/** In the unit of the flag; null when it is decided only when the command runs. */
export function defaultOf({ option }: Setting): string | null {
  if (option?.defaultValueDescription !== undefined) return option.defaultValueDescription;
  return option?.defaultValue === undefined ? null : String(option.defaultValue);
}

const SECRET = /(^|_)(secret|token|password|api_key|client_key)$/;

function sharedPlaces(name: string): string[][] {
  if (!SHARED_KEYS.some((key) => key === name)) return [];
  return name === "coordinator" ? [[name, ADDRESS_IN_SECTION], [name]] : [[name]];
}

/** The words of a command below the program, as keys. */
function sectionOf(command: Command): string[] {
  return command.parent === null ? [] : [...sectionOf(command.parent), snake(command.name())];
}
