// The command line of bench/run.mjs.
import { parseArgs } from "node:util";

export const USAGE = `usage: node bench/run.mjs [flags]

  --tasks N     tasks of one turn (50000)
  --rounds N    turns of each side, one after the other: A B C A B C … (3)
  --only S,S    leave the other sides out
  --set S.N=V   another setting of a side, may be repeated: graphile-worker.processes=2
  --json        the report as JSON on standard output`;

const OPTIONS = {
  tasks: { type: "string", default: "50000" },
  rounds: { type: "string", default: "3" },
  only: { type: "string" },
  set: { type: "string", multiple: true, default: [] },
  json: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};

export class UsageError extends Error {}

/** Resolves which sides take part and with which settings; throws UsageError. */
export function readFlags(args, sides) {
  const { values } = parsed(args);
  const names = values.only?.split(",") ?? sides.map(({ name }) => name);
  const chosen = names.map((name) => sideOf(name, sides));
  return {
    tasks: count("--tasks", values.tasks),
    rounds: count("--rounds", values.rounds),
    json: values.json,
    help: values.help,
    sides: values.set.reduce(withSetting, chosen),
  };
}

function parsed(args) {
  try {
    return parseArgs({ args, options: OPTIONS });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function sideOf(name, sides) {
  const side = sides.find((each) => each.name === name);
  if (side !== undefined) return side;
  throw new UsageError(`no side "${name}"; there are ${sides.map((each) => each.name).join(", ")}`);
}

function count(flag, text) {
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text);
  throw new UsageError(`${flag} is "${text}", but has to be a whole number from 1 on`);
}

function withSetting(sides, text) {
  const [, name, key, value] = /^([^.]+)\.([^=]+)=(\d+)$/.exec(text) ?? [];
  const side = sides.find((each) => each.name === name);
  if (side === undefined || !(key in side.settings)) {
    const known = sides.flatMap((each) => Object.keys(each.settings).map((its) => `${each.name}.${its}`));
    throw new UsageError(`--set ${text}: the settings are ${known.join(", ")}, each =N`);
  }
  const settings = { ...side.settings, [key]: Number(value) };
  return sides.map((each) => (each === side ? { ...side, settings } : each));
}
