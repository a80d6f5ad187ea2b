/**
 * How a project itself starts node:test: the flags, environment and files of its package.json script.
 *
 * node:test has no configuration file (Node 20); what a suite needs to run (`--import tsx`,
 * `--experimental-…`) stands only there. Reporters, watching and sharding are dropped: they are ours.
 */
import { basename } from "node:path";
import { readPackage } from "./package-json.ts";
import type { Word } from "./shell-words.ts";
import { shellCommands } from "./shell-words.ts";

export interface NodeTestScript {
  /** The name of the script, for people. */
  script: string;
  runner: "node" | "tsx";
  env: Record<string, string>;
  /** Without `--test` itself. */
  flags: string[];
  /** Files, folders and globs as typed. */
  targets: Word[];
}

const WITH_VALUE = new Set(
  (
    "-r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists " +
    "--input-type --test-name-pattern --test-skip-pattern --test-concurrency --test-timeout " +
    "--test-isolation --test-global-setup --test-coverage-include --test-coverage-exclude " +
    "--test-coverage-branches --test-coverage-functions --test-coverage-lines --max-old-space-size " +
    "--stack-trace-limit --test-reporter --test-reporter-destination --test-shard " +
    "--experimental-default-type --tsconfig"
  ).split(" "),
);
const OURS = /^--(?:test-reporter|test-reporter-destination|test-shard|watch|watch-path|test)(?:=|$)/;

export async function nodeTestScript(root: string): Promise<NodeTestScript | null> {
  const facts = await readPackage(root);
  const names = Object.keys(facts?.scripts ?? {});
  const rank = (name: string): number => (name === "test" ? 0 : name.startsWith("test") ? 1 : 2);
  for (const name of names.sort((a, b) => rank(a) - rank(b))) {
    const found = parseNodeTestScript(name, facts?.scripts[name] ?? "");
    if (found !== null) return found;
  }
  return null;
}

export function parseNodeTestScript(script: string, line: string): NodeTestScript | null {
  for (const words of shellCommands(line)) {
    const at = words.findIndex((word) => ["node", "node.exe", "tsx"].includes(basename(word.text)));
    if (at < 0 || !words.slice(at + 1).some((word) => word.text === "--test")) continue;
    const runner = basename(words[at]?.text ?? "") === "tsx" ? "tsx" : "node";
    return { script, runner, env: environmentOf(words.slice(0, at)), ...splitArguments(words.slice(at + 1)) };
  }
  return null;
}

/** `A=b node …` and `cross-env A=b node …`; a wrapper such as a coverage tool is left out. */
export function environmentOf(words: readonly Word[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const word of words) {
    const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(word.text);
    if (match?.[1] !== undefined) env[match[1]] = match[2] ?? "";
  }
  return env;
}

function splitArguments(words: readonly Word[]): { flags: string[]; targets: Word[] } {
  const flags: string[] = [];
  const targets: Word[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined || word.text === "--") continue;
    // `2>&1` and `>file` are for the shell.
    if (/^\d?[<>]/.test(word.text)) continue;
    if (!word.text.startsWith("-")) {
      targets.push(word);
      continue;
    }
    const value = WITH_VALUE.has(word.text) ? words[++at]?.text : undefined;
    if (!OURS.test(word.text)) flags.push(word.text, ...(value === undefined ? [] : [value]));
  }
  return { flags, targets };
}
