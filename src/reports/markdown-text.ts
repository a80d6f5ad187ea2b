/**
 * Foreign text in Markdown. Inside code nothing means anything but the backtick, so a fence that is longer
 * than every run of backticks inside holds whatever comes.
 */
import { clipped, oneLine } from "./text.ts";

/** A span on one line; a long text is cut, and says how long it was. */
export function code(text: string): string {
  const cut = clipped(oneLine(text));
  if (cut === "") return "–";
  const fence = "`".repeat(longestRun(cut) + 1);
  const pad = cut.startsWith("`") || cut.endsWith("`") ? " " : "";
  return `${fence}${pad}${cut}${pad}${fence}`;
}

export function fenced(lines: readonly string[]): string[] {
  const fence = "`".repeat(Math.max(3, ...lines.map((line) => longestRun(line) + 1)));
  return [`${fence}text`, ...lines, fence];
}

/**
 * The same in a table, which is parted at every `|`, even within code and even behind a backslash that is
 * itself escaped: a text with one is written in character references.
 */
export function codeInCell(text: string): string {
  const span = code(text);
  return span.includes("|") ? `<code>${references(clipped(oneLine(text)))}</code>` : span;
}

function references(text: string): string {
  return text.replace(/[^\p{L}\p{N} ]/gu, (char) => `&#${char.codePointAt(0) ?? 0};`);
}

function longestRun(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  return longest;
}
