/** A plain command: its exit code is the outcome, and the only case it has is itself. */
import type { Adapter, CaseResult, ParseOptions, ProcessExit, SuiteResult } from "./adapter.ts";
import { FILE_CASE, RUN_CASE } from "./adapter.ts";
import { caseResult, describeExit, tailOf } from "./bounds.ts";
import { givenCommand, givenFiles } from "./given-command.ts";

export const commandAdapter: Adapter = {
  name: "command",
  runsCases: false,
  // A command cannot be guessed from a folder; it is chosen by whoever names the command.
  detect: async () => null,
  discover: givenFiles,
  command: (options) => givenCommand("command", options),
  parse: async (options) => parseExit(options),
};

/** What shells and `env` answer when a program is not executable, or not there. */
const COULD_NOT_START = [126, 127];

function outcomeOf(exit: ProcessExit): CaseResult["outcome"] {
  if (exit.timedOut || exit.signal !== null) return "failed";
  if (exit.code === 0) return "passed";
  return exit.code === null || COULD_NOT_START.includes(exit.code) ? "error" : "failed";
}

function parseExit(options: ParseOptions): SuiteResult {
  const outcome = outcomeOf(options.exit);
  const only = options.files.length === 1 ? (options.files[0] ?? "") : "";
  const name = only === "" ? RUN_CASE : FILE_CASE;
  if (outcome === "passed") return { cases: [caseResult({ file: only, name, outcome })], problems: [] };
  const message = describeExit(options.exit);
  const detail = tailOf(options.logTail);
  const problems = outcome === "error" ? [{ file: only, message }] : [];
  return { cases: [caseResult({ file: only, name, outcome, message, detail })], problems };
}
