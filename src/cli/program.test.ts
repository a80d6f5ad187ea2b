import type { Command } from "commander";
import { expect, it } from "vitest";
import { createProgram } from "./program.ts";

const program = createProgram(() => {});
const all = (command: Command): Command[] => command.commands.flatMap((it) => [it, ...all(it)]);

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 });
  command.outputHelp();
  return text;
}

it("fits its help on one screen", () => {
  const lines = helpOf(program).trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(50);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

it.each(all(program).map((command) => [command.name(), command] as const))(
  "shows examples of %s",
  (_name, command) => {
    expect(helpOf(command)).toMatch(/Examples:\n {2}(testyard|echo) /);
  },
);

it.each([
  [["tsaks"], "Did you mean tasks?"],
  [["run", "--retrys", "1"], "Did you mean --retries?"],
  [["run", "--retries", "many"], "A whole number"],
  [["tasks", "--state", "runing"], "Allowed choices are"],
])("refuses %j as usage", async (args, expected) => {
  let said = "";
  const fresh = createProgram(() => {});
  for (const command of [fresh, ...all(fresh)])
    command.configureOutput({ writeErr: (text) => (said += text) });
  await expect(fresh.parseAsync(args, { from: "user" })).rejects.toMatchObject({ name: "CommanderError" });
  expect(said).toContain(expected);
});
