/**
 * How a project's package.json script starts a framework: the environment, the flags of Node, and the words
 * after the program. What stands only there (`NODE_OPTIONS`, `--config`, `--require`) a run needs as well.
 */
import { basename } from "node:path";
import { environmentOf } from "./node-test-script.ts";
import { readPackage } from "./package-json.ts";
import type { Word } from "./shell-words.ts";
import { shellCommands } from "./shell-words.ts";

export interface ProjectScript {
  /** The name of the script, for people. */
  script: string;
  env: Record<string, string>;
  /** `node FLAGS path/to/program`. */
  nodeFlags: string[];
  words: Word[];
}

/** `npm run jest` is another script, `rm -rf mocha` no run of it. */
const NOT_STARTERS =
  /^(?:run|run-script|run-s|run-p|install|i|add|echo|rm|rimraf|cd|cp|mkdir|eslint|prettier|tsc)$/;

export async function projectScript(root: string, program: RegExp): Promise<ProjectScript | null> {
  const scripts = (await readPackage(root))?.scripts ?? {};
  const rank = (name: string): number => (name === "test" ? 0 : name.startsWith("test") ? 1 : 2);
  for (const name of Object.keys(scripts).sort((a, b) => rank(a) - rank(b))) {
    for (const words of shellCommands(scripts[name] ?? "")) {
      const found = parseProjectScript(words, program);
      if (found !== null) return { script: name, ...found };
    }
  }
  return null;
}

function parseProjectScript(words: readonly Word[], program: RegExp): Omit<ProjectScript, "script"> | null {
  const at = words.findIndex(({ text }) => program.test(basename(text)));
  if (at < 0) return null;
  const before = words.slice(0, at);
  if (before.some(({ text }) => NOT_STARTERS.test(text))) return null;
  const node = before.findIndex(({ text }) => basename(text) === "node");
  return {
    env: environmentOf(before),
    nodeFlags: node < 0 ? [] : before.slice(node + 1).map(({ text }) => text),
    words: words.slice(at + 1),
  };
}

/** Options and the rest, without what is ours to decide. */
export function splitWords(
  words: readonly Word[],
  rules: { withValue: ReadonlySet<string>; ours: RegExp },
): { flags: string[]; targets: Word[] } {
  const flags: string[] = [];
  const targets: Word[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at];
    // `2>&1` and `>file` are for the shell.
    if (word === undefined || word.text === "--" || /^\d?[<>]/.test(word.text)) continue;
    if (!word.text.startsWith("-")) {
      targets.push(word);
      continue;
    }
    const value = rules.withValue.has(word.text) ? words[++at]?.text : undefined;
    if (!rules.ours.test(word.text)) flags.push(word.text, ...(value === undefined ? [] : [value]));
  }
  return { flags, targets };
}
