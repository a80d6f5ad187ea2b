/** testyard config: what holds, where it stands, and what may stand there. */
import type { Command } from "commander";
import { applySettings } from "../config/apply.ts";
import { configFiles, hostPlaces } from "../config/files.ts";
import { find, hostSources, originText, type Sources } from "../config/resolve.ts";
import { allSettings, defaultOf, type Setting, settingsOf, takesNoSettings } from "../config/settings.ts";
import { usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson, say } from "../io.ts";
import { table } from "../table.ts";
import { examples, type Finish, printsJson } from "./common.ts";

interface Flags {
  origin?: true;
  json?: true;
}

export function registerConfig(program: Command, finish: Finish): void {
  const config = program.command("config").description("show the settings, their files and their schema");
  registerShow(config, { program, finish });
  const path = takesNoSettings(config.command("path"))
    .description("the files that settings are read from, the first wins")
    .action((flags: Flags) => finish(showPaths(flags)));
  examples(printsJson(path), ["testyard config path", "testyard config path --json"]);
  const schema = takesNoSettings(config.command("schema"))
    .description("JSON Schema of a configuration file, for editors")
    .action(async () => {
      const { jsonSchema } = await import("../config/schema.ts");
      printJson(jsonSchema(allSettings(program)));
      finish(EXIT.passed);
    });
  examples(printsJson(schema), ["testyard config schema > testyard.config.schema.json"]);
  examples(config, ["testyard config show --origin", "testyard config path"]);
}

function registerShow(config: Command, { program, finish }: { program: Command; finish: Finish }): void {
  const show = takesNoSettings(config.command("show"))
    .description("every setting as it holds now; of one command line when that is given after --")
    .argument("[line...]", "a command with its flags")
    .option("--origin", "and where it comes from: flag, variable, file:line or default")
    .action(async (words: string[], flags: Flags) => {
      const rows = words.length === 0 ? await everything(program) : await ofCommand(program, words);
      showRows(rows, flags);
      finish(EXIT.passed);
    });
  examples(printsJson(show), [
    "testyard config show --origin",
    "testyard config show --origin -- run --retries 2",
    "testyard config show --json",
  ]);
}

interface Row {
  key: string;
  value: string | readonly string[] | null;
  origin: string;
}

async function everything(program: Command): Promise<Row[]> {
  const settings = allSettings(program);
  const sources = await hostSources(settings);
  return settings.map((setting) => effective(setting, sources));
}

function effective(setting: Setting, sources: Sources): Row {
  const found = find(setting, sources);
  if (found === null) return { key: setting.key, value: defaultOf(setting), origin: "default" };
  return { key: setting.key, value: shown(setting, found.texts), origin: originText(found.origin) };
}

/** Parsed by the real parser with the real settings applied; only the command itself does not run. */
async function ofCommand(program: Command, words: readonly string[]): Promise<Row[]> {
  const { command, rest } = commandOf(program, words);
  const settings = settingsOf(command);
  const sources = await hostSources(allSettings(program));
  const { unknown } = command.parseOptions([...rest]);
  if (unknown.length > 0) throw usage(`unknown option '${unknown[0]}'`, `${words[0]} --help`);
  const isFlag = (setting: Setting): boolean => command.getOptionValueSource(setting.attribute) === "cli";
  const typed = settings.filter(isFlag);
  // Refuses what the command would refuse.
  applySettings(command, sources);
  return settings.map((setting) => {
    if (!typed.includes(setting)) return effective(setting, sources);
    const value = typedText(rest, setting);
    return { key: setting.key, value, origin: "flag" };
  });
}

function commandOf(program: Command, words: readonly string[]): { command: Command; rest: string[] } {
  let command = program;
  const rest = [...words];
  while (command.commands.length > 0) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) throw usage(`"${rest[0] ?? ""}" is no command`, "testyard help lists them");
    command = next;
    rest.shift();
  }
  return { command, rest };
}

/** As it was typed: the parsed value may be of another kind and unit. */
function typedText(words: readonly string[], { option }: Setting): string {
  const names = [option?.long, option?.short].filter((name) => name !== undefined && name !== null);
  const at = words.findLastIndex((word) =>
    names.some((name) => word === name || word.startsWith(`${name}=`)),
  );
  const word = words[at] ?? "";
  if (word.includes("=")) return word.slice(word.indexOf("=") + 1);
  return option?.isBoolean() ? "true" : (words[at + 1] ?? "");
}

const MASK = "********";

function shown({ isSecret, shape }: Setting, texts: readonly string[]): string | readonly string[] {
  if (isSecret) return MASK;
  return shape.kind === "list" || shape.kind === "pairs" ? texts : (texts[0] ?? "");
}

function showRows(rows: readonly Row[], { json, origin }: Flags): void {
  if (json) return printJson(Object.fromEntries(rows.map(({ key, ...row }) => [key, row])));
  const text = (value: Row["value"]): string =>
    value === null ? "-" : typeof value === "string" ? value : value.join(", ");
  const cells = rows.map((row) => [row.key, text(row.value), ...(origin ? [row.origin] : [])]);
  print(table(["SETTING", "VALUE", ...(origin ? ["FROM"] : [])], cells));
}

function showPaths({ json }: Flags): number {
  const files = configFiles();
  if (json) printJson({ files, user_dir: hostPlaces().userDir });
  else if (files.length > 0) print(files.map(({ kind, path }) => `${kind.padEnd(8)} ${path}`).join("\n"));
  else say(`no file; testyard init writes one here, your own would be ${hostPlaces().userDir}/config.yaml`);
  return EXIT.passed;
}
