/** Gives a command, before it runs, what its command line left open. */
import { type Command, InvalidArgumentError } from "commander";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { find, type Found, type Origin, originText, type Sources } from "./resolve.ts";
import { type Setting, settingsOf } from "./settings.ts";
import { wanted } from "./shape.ts";

/** @returns where the values that it gave come from, by attribute */
export function applySettings(command: Command, sources: Sources): Map<string, Origin> {
  const origins = new Map<string, Origin>();
  for (const setting of settingsOf(command)) {
    if (command.getOptionValueSource(setting.attribute) === "cli") continue;
    const found = find(setting, sources);
    if (found === null) continue;
    const value = valueOf(setting, found);
    const source = found.origin.kind === "env" ? "env" : "config";
    command.setOptionValueWithSource(setting.attribute, value, source);
    origins.set(setting.attribute, found.origin);
  }
  return origins;
}

function valueOf({ option, shape, key }: Setting, { texts, origin }: Found): unknown {
  const [first = ""] = texts;
  try {
    if (shape.kind === "flag") return truth(first) || (option?.negate === true ? false : undefined);
    if (option?.parseArg !== undefined) {
      const parse = option.parseArg as (text: string, before: unknown) => unknown;
      return texts.reduce<unknown>((before, text) => parse(text, before), undefined);
    }
    return shape.kind === "list" ? [...texts] : first;
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    const where = origin.kind === "env" ? originText(origin) : `${originText(origin)}: ${key}`;
    throw new CliError({
      code: "configuration_invalid",
      exit: EXIT.usage,
      message: `${where} wants ${wanted(shape)}, not ${JSON.stringify(first)}`,
      why: error.message,
      next: "testyard config show --origin shows what holds and where it stands",
    });
  }
}

function truth(text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new InvalidArgumentError("Neither true nor false.");
}
