/** testyard init: a configuration file to begin with. It overwrites nothing. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { print, printJson, say } from "../io.ts";
import { takesNoSettings } from "../config/settings.ts";
import { examples, type Finish, printsJson } from "./common.ts";

const SCHEMA = "./node_modules/testyard/dist/testyard.config.schema.json";

const YAML = `# yaml-language-server: $schema=${SCHEMA}
#
# What holds for everybody who works on this project. A flag wins over a variable (TESTYARD_RETRIES), that
# over this file, this file over your own (testyard config path). testyard config show --origin tells.

# Commands ask this coordinator instead of starting a yard on this machine:
# coordinator: http://127.0.0.1:8080

run:
  # A failed task is tried again so often; what then passes is called flaky.
  retries: 0
  # Seconds for each task.
  timeout: 3600
  # report: [json, junit]
  # report_dir: testyard-report
`;

const JSON_TEXT = `${JSON.stringify({ $schema: SCHEMA, run: { retries: 0, timeout: 3600 } }, null, 2)}\n`;

interface Flags {
  format: "yaml" | "json";
  json?: true;
}

export function registerInit(program: Command, finish: Finish): void {
  const command = takesNoSettings(program.command("init"))
    .description("write a configuration file to begin with")
    .addOption(new Option("--format <format>", "how it is written").choices(["yaml", "json"]).default("yaml"))
    .action(async (flags: Flags) => {
      await init(flags);
      finish(EXIT.passed);
    });
  examples(printsJson(command), ["testyard init", "testyard init --format json"]);
}

async function init({ format, json }: Flags): Promise<void> {
  const names = ["json", "yaml", "yml"].map((ending) => `testyard.config.${ending}`);
  const there = names.find((name) => existsSync(join(process.cwd(), name)));
  if (there !== undefined) throw exists(there);
  const name = `testyard.config.${format}`;
  try {
    await writeFile(name, format === "json" ? JSON_TEXT : YAML, { flag: "wx" });
  } catch (error) {
    throw new CliError({
      code: "configuration_unwritable",
      exit: EXIT.usage,
      message: `${name} cannot be written`,
      why: (error as Error).message,
      next: "go to a folder that you may write to",
    });
  }
  if (json) return printJson({ path: join(process.cwd(), name) });
  print(name);
  say("next: testyard config show --origin");
}

function exists(name: string): CliError {
  return new CliError({
    code: "configuration_exists",
    exit: EXIT.usage,
    message: `${name} is here already; nothing was changed`,
    next: "edit it, or move it away first",
  });
}
