/** testyard doctor: looks at everything that a yard needs here, and says what to do about what is amiss. */
import type { Command } from "commander";
import { stateDir } from "../../platform/index.ts";
import { type DataFlags, dataPlaces } from "../data-dir.ts";
import { type Finding, lookAll } from "../doctor/finding.ts";
import * as machine from "../doctor/machine.ts";
import { suites } from "../doctor/suites.ts";
import * as yard from "../doctor/yard.ts";
import { EXIT } from "../exit-codes.ts";
import { paintFor, print, printJson } from "../io.ts";
import { examples, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends DataFlags {
  coordinator?: string;
  json?: true;
}

export function registerDoctor(program: Command, finish: Finish): void {
  const command = program
    .command("doctor")
    .description("look for what would keep a yard from working here")
    .action(async (flags: Flags) => {
      const findings = await examine(flags);
      const isWell = findings.every(({ status }) => status !== "fail");
      if (flags.json) printJson({ ok: isWell, findings });
      else print(findings.map(line).join("\n"));
      finish(isWell ? EXIT.passed : EXIT.infrastructure);
    });
  examples(printsJson(reaches(command)), [
    "testyard doctor",
    "testyard doctor --coordinator http://127.0.0.1:8080 --json",
  ]);
}

function examine({ coordinator, dataDir: named }: Flags): Promise<Finding[]> {
  const { dataDir } = dataPlaces({ dataDir: named });
  const target = { coordinator, dataDir: named, isNamed: coordinator !== undefined };
  return lookAll({
    node: async () => machine.node(),
    platform: async () => machine.platform(),
    folder: () => machine.folder(named === undefined ? stateDir() : dataDir),
    limits: () => machine.limits(),
    engines: () => machine.engines(),
    key: () => yard.keyFile(dataDir),
    coordinator: () => yard.coordinator(target),
    leftovers: () => yard.leftovers(stateDir(), dataDir),
    suites: () => suites(process.cwd()),
  });
}

const STYLE = { warn: "yellow", fail: "red" } as const;

function line({ check, status, message, next }: Finding): string {
  const word = status.padEnd(5);
  const paint = paintFor(process.stdout);
  const head = `${status === "ok" ? word : paint(STYLE[status], word)} ${check.padEnd(12)} ${message}`;
  return next === null ? head : `${head}\n${" ".repeat(19)}next: ${next}`;
}
