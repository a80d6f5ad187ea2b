/**
 * CSV that a spreadsheet does not take for formulas: what a test is called is up to whoever wrote it, and a
 * cell that begins with `=` (after spaces, on any of its lines) would be computed by the reader's machine. A
 * leading quote makes it text. Numbers are numbers: a negative one keeps its minus.
 */
import type { SqlValue } from "../protocol/index.ts";

export function csv(head: readonly string[], rows: readonly (readonly SqlValue[])[]): string {
  return [head, ...rows]
    .map((row) => row.map(cell).join(","))
    .join("\r\n")
    .concat("\r\n");
}

const FORMULA = /^[ \u00a0]*[=+\-@\t\r]/;
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

function cell(value: SqlValue): string {
  if (value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = typeof value === "string" && !NUMBER.test(text) ? withoutFormulas(text) : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A bare CR begins with one of the characters itself, so only LF and CR LF part lines here. */
function withoutFormulas(text: string): string {
  return text
    .split("\n")
    .map((line) => (FORMULA.test(line) ? `'${line}` : line))
    .join("\n");
}
