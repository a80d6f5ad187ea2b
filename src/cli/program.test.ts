import type { Command } from "commander";
import { expect, it } from "vitest";
import { ParserStop, parserTrouble } from "./errors.ts";
import { allCommands } from "./config/settings.ts";
import { createProgram, wantsJson } from "./program.ts";

const program = createProgram(() => {});

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

it("fits its help on one screen", () => {
  const lines = helpOf(program).trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(40);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

it("lists every command in a group", () => {
  expect(helpOf(program)).not.toContain("\nCommands:");
});

it.each(allCommands(program).map((command) => [command.name(), command] as const))(
  "shows examples of %s",
  (_name, command) => {
    expect(helpOf(command)).toMatch(/Examples:\n {2}(testyard|echo) /);
  },
);

it.each([
  [["tsaks"], "did you mean tasks?", "testyard --help"],
  [["run", "--retrys", "1"], "did you mean --retries?", "testyard run --help"],
  [["run", "--retries", "many"], "A whole number", "testyard run --help"],
  [["tasks", "--state", "runing"], "Allowed choices are", "testyard tasks --help"],
  [["bench", "spwan"], "did you mean spawn?", "testyard bench --help"],
  [["help", "tsaks"], "did you mean tasks?", "testyard help lists the commands"],
  [["task"], "missing required argument 'id'", "testyard task --help"],
  [["bench"], "testyard bench needs a command", "testyard bench --help"],
])("refuses %j as usage", async (args, expected, next) => {
  const fresh = createProgram(() => {});
  for (const command of [fresh, ...allCommands(fresh)]) command.configureOutput({ writeErr: () => {} });
  const error: unknown = await fresh.parseAsync(args, { from: "user" }).catch((thrown: unknown) => thrown);
  const trouble =
    error instanceof ParserStop ? parserTrouble(error) : (error as { trouble: unknown }).trouble;
  expect(trouble).toMatchObject({ code: "usage", exit: 2, message: expect.stringContaining(expected), next });
});

it("sees that JSON is wanted even where the command line is wrong", () => {
  expect(wantsJson(["run", "--wrong", "--json"])).toBe(true);
  expect(wantsJson(["run", "--", "--json"])).toBe(false);
});
