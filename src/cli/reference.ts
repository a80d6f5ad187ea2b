/** The reference, written by the code that it describes: commands, settings, exit codes. */
import type { Command } from "commander";
import { examplesOf } from "./commands/common.ts";
import { jsonSchema } from "./config/schema.ts";
import { allCommands, allSettings, defaultOf, type Setting, settingsOf } from "./config/settings.ts";
import { wanted } from "./config/shape.ts";
import { pathOf } from "./errors.ts";
import { EXIT_CODES } from "./exit-codes.ts";
import { createProgram } from "./program.ts";

const MADE = "<!-- Made by `npm run docs` from the code; what is changed here by hand is lost. -->";

export function configSchemaText(): string {
  return `${JSON.stringify(jsonSchema(allSettings(createProgram(() => {}))), null, 2)}\n`;
}

export interface CommandFacts {
  words: readonly string[];
  flags: readonly string[];
  arguments: readonly string[];
}

/** Every command that does something, for those who hold all of them to the same manners. */
export function commandTable(): CommandFacts[] {
  const leaves = allCommands(createProgram(() => {})).filter((command) => command.commands.length === 0);
  return leaves.map((command) => ({
    words: pathOf(command).slice(1),
    flags: command.options.map(({ long, short }) => long ?? short ?? ""),
    arguments: command.registeredArguments.map((argument) => argument.name()),
  }));
}

/** By path in the repository. */
export function referencePages(): Record<string, string> {
  const program = createProgram(() => {});
  return {
    "docs/reference/cli.md": commandsPage(program),
    "docs/reference/config.md": configPage(program),
    "docs/reference/exit-codes.md": exitCodesPage(),
  };
}

function page(title: string, parts: readonly string[]): string {
  return `${[MADE, `# ${title}`, ...parts].join("\n\n")}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function sentence(text: string): string {
  const plain = text.replaceAll("<", "\\<");
  return `${plain.slice(0, 1).toUpperCase()}${plain.slice(1)}${plain.endsWith(".") ? "" : "."}`;
}

function commandsPage(program: Command): string {
  const commands = allCommands(program).filter((command) => command.commands.length === 0);
  return page("Commands", [
    "Every flag can also be given by a variable or in a file: [config.md](config.md).",
    "What a command ends with: [exit-codes.md](exit-codes.md).",
    ...commands.map(commandPart),
  ]);
}

function commandPart(command: Command): string {
  const name = pathOf(command).join(" ");
  const words = command.registeredArguments.map((argument) => {
    const word = `${argument.name()}${argument.variadic ? "..." : ""}`;
    return argument.required ? `<${word}>` : `[${word}]`;
  });
  const settings = new Map(settingsOf(command).map((setting) => [setting.option, setting]));
  const rows = command.options.map((option) => {
    const setting = settings.get(option);
    return [`\`${option.flags}\``, (setting && defaultOf(setting)) ?? "", sentence(option.description)];
  });
  return [
    `## ${name}`,
    `\`${[name, "[flags]", ...words].join(" ")}\``,
    sentence(command.description()),
    table(["flag", "default", "meaning"], rows),
    `\`\`\`text\n${examplesOf(command).join("\n")}\n\`\`\``,
  ].join("\n\n");
}

function configPage(program: Command): string {
  const settings = allSettings(program);
  const sections = new Map<string, Setting[]>();
  for (const setting of settings) {
    const section = setting.path.slice(0, -1).join(".");
    sections.set(section, [...(sections.get(section) ?? []), setting]);
  }
  const shared = settings.filter(({ shared: places }) => places.length > 0);
  const names = [...new Set(shared.map(({ path }) => path.at(-1) ?? ""))];
  return page("Settings", [
    "What they are for, where files lie and which of them wins: [configure.md](../how-to/configure.md).",
    `At the top of a file, for every command that has it: ${names.map((name) => `\`${name}\``).join(", ")}.`,
    ...[...sections].map(([section, rows]) => settingsPart(section, rows)),
  ]);
}

function settingsPart(section: string, settings: readonly Setting[]): string {
  const rows = settings.map((setting) => [
    `\`${setting.key}\``,
    `\`${setting.env}\``,
    wanted(setting.shape),
    defaultOf(setting) ?? "",
  ]);
  const title = section === "" ? "Of all commands" : section;
  return `## ${title}\n\n${table(["key", "variable", "wants", "default"], rows)}`;
}

function exitCodesPage(): string {
  const rows = EXIT_CODES.map(({ code, means, next }) => [String(code), means, next]);
  return page("Exit codes", [
    "Scripts may build on them: they do not change. `testyard help exit-codes` prints them.",
    table(["code", "meaning", "what to do next"], rows),
    "When several apply, the first of these counts: 130, 4, 3, 2, 5, 7, 1.",
  ]);
}
