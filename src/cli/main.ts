#!/usr/bin/env node
/** The program: reads the command line, runs one command, ends with its code. */
import { CommanderError } from "commander";
import { troubleOf } from "./errors.ts";
import { complain, endQuietlyOnClosedPipe } from "./io.ts";
import { createProgram, exitOfParser } from "./program.ts";

endQuietlyOnClosedPipe();
const program = createProgram((code) => {
  process.exitCode = code;
});
try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = error instanceof CommanderError ? exitOfParser(error) : failed(error);
}
// Kept-alive connections would hold the process for seconds; what was printed must be out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));

function failed(error: unknown): number {
  const trouble = troubleOf(error);
  complain(trouble, { json: process.argv.includes("--json") });
  return trouble.exit;
}
