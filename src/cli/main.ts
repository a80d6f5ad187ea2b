#!/usr/bin/env node
/** The program: reads the command line, runs one command, ends with its code. */
import { ParserStop, parserTrouble, type Trouble, troubleOf } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { complain, endQuietlyOnClosedPipe, OutputClosed } from "./io.ts";
import { createProgram, wantsJson } from "./program.ts";

endQuietlyOnClosedPipe();
const program = createProgram((code) => {
  process.exitCode = code;
});
try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = failed(error);
}
// Kept-alive connections would hold the process for seconds; what was printed must be out first.
process.stdout.write("", () => process.stderr.write("", () => process.exit()));

function failed(error: unknown): ExitCode {
  if (error instanceof OutputClosed) return EXIT.passed;
  const found: Trouble | null = error instanceof ParserStop ? parserTrouble(error) : troubleOf(error);
  if (found === null) return EXIT.passed;
  const trouble = { ...found, next: found.next ?? examplesOf(found) };
  const json = wantsJson(process.argv);
  // Of a command that has only others below it the help was shown, which says it all.
  const isHelped = error instanceof ParserStop && error.error.code === "commander.help";
  if (json || !isHelped) complain(trouble, { json });
  return trouble.exit;
}

/** What is wrong with a command line, its examples show. */
function examplesOf({ code }: Trouble): string | null {
  const [command] = program.args;
  return code === "usage" && command !== undefined ? `testyard ${command} --help shows examples` : null;
}
