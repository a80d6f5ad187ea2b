/** Mistakes of a configuration file as one error, each with its place. */
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

export interface Mistake {
  line: number;
  message: string;
}

const SHOWN = 10;

export function invalid(path: string, mistakes: readonly Mistake[]): CliError {
  const inOrder = [...mistakes].sort((a, b) => a.line - b.line);
  const lines = inOrder.slice(0, SHOWN).map(({ line, message }) => `${path}:${line}: ${message}`);
  return new CliError({
    code: "configuration_invalid",
    exit: EXIT.usage,
    message: lines.join("\n  "),
    next: "testyard config schema lists the keys",
    details: { path, mistakes: inOrder },
  });
}
