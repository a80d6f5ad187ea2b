/** What docs/ERRORS.md says of a code, for a terminal: the document is the one place that explains them. */
import { readFileSync } from "node:fs";

interface Row {
  code: string;
  means: string;
  next: string;
}

const PAGE = new URL("../../docs/ERRORS.md", import.meta.url);

function rows(): Row[] {
  const found = readFileSync(PAGE, "utf8").matchAll(/^\| `([a-z][a-z0-9_]*)` *\|(.*)\|$/gm);
  return [...found].map(([, code = "", rest = ""]) => {
    const cells = rest.split("|").map((cell) => cell.trim().replaceAll("`", "").replace(LINK, "$1"));
    return { code, means: cells.at(-2) ?? "", next: cells.at(-1) ?? "" };
  });
}

const LINK = /\[([^\]]*)\]\([^)]*\)/g;

export function explainCode(code: string): string | null {
  const row = rows().find((each) => each.code === code);
  return row === undefined ? null : `${row.code}\n\n  ${row.means}\n  next: ${row.next}`;
}

export function knownCodes(): string[] {
  return rows().map(({ code }) => code);
}
