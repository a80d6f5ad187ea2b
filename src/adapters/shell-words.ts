/**
 * Reads a package.json script as far as it takes to find one command in it: words, quotes, operators.
 *
 * Not a shell: substitutions stay as they stand. It never runs anything.
 */

export interface Word {
  text: string;
  /** Quoted words reach the program as they are; others the shell would expand first. */
  quoted: boolean;
}

const OPERATORS = /^(?:&&|\|\||[;|&\n])/;

/** The commands of a script, each as its words. */
export function shellCommands(script: string): Word[][] {
  const commands: Word[][] = [[]];
  let rest = script.slice(0, 64 * 1024);
  while (rest.length > 0) {
    const blank = /^[ \t\r]+/.exec(rest)?.[0];
    const operator = OPERATORS.exec(rest)?.[0];
    if (blank !== undefined) {
      rest = rest.slice(blank.length);
    } else if (operator !== undefined) {
      commands.push([]);
      rest = rest.slice(operator.length);
    } else {
      const { word, length } = readWord(rest);
      commands.at(-1)?.push(word);
      rest = rest.slice(length);
    }
  }
  return commands.filter((words) => words.length > 0);
}

function readWord(input: string): { word: Word; length: number } {
  const word: Word = { text: "", quoted: false };
  let at = 0;
  let quote = "";
  for (; at < input.length; at += 1) {
    const char = input[at] ?? "";
    if (quote === "" && /[\s;&|]/.test(char)) break;
    if (quote === "" && (char === '"' || char === "'")) {
      quote = char;
      word.quoted = true;
    } else if (char === quote) {
      quote = "";
    } else if (char === "\\" && quote !== "'" && at + 1 < input.length) {
      at += 1;
      word.text += input[at];
    } else {
      word.text += char;
    }
  }
  return { word, length: Math.max(1, at) };
}
