// docs/ERRORS.md against the source: a code that it does not explain, or explains although it is gone, fails.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CLOSE, isProblemCode } from "../../src/protocol/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCUMENT = readFileSync(join(ROOT, "docs/ERRORS.md"), "utf8");
/** No product, or (the tables of the results) a column called code. */
const LEFT_OUT = /\.test\.ts$|\.testing\.ts$|\/testing\/|^sim\/|test-support\.ts$|^results\/schema\.ts$/;

const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !LEFT_OUT.test(path))
  .map((path) => ({ path, text: readFileSync(join(ROOT, "src", path), "utf8") }));

const textOf = (path: string) => sources.find((source) => source.path === path)?.text ?? "";
const quoted = (text: string, pattern = /"([a-z][a-z0-9_]*)"/g) =>
  [...text.matchAll(pattern)].map((match) => match[1] ?? "");

/** `problem(…)` and its like name a code first; these are the functions and classes that do. */
const MAKERS = [
  "StartError|LoopEnded|ResultsRefused|ClientKeyError",
  "problem|refusal|refused|reject|infrastructure",
].join("|");

/** The ways in which a code is written down in the source. */
const WAYS: readonly ((text: string) => string[])[] = [
  // { code: "task_ended" }, readonly code = "task_ended", code: "a" | "b"
  (text) =>
    [...text.matchAll(/\bcode\??\s*[:=]\s*\|?((?:\s*\|?\s*"[a-z0-9_]+")+)/g)].flatMap(([all]) => quoted(all)),
  // const code = isFull ? "disk_full" : "disk_failed": the words of the expression that look like codes
  (text) =>
    [...text.matchAll(/\bcode =(?!=)[^;]*;/g)].flatMap(([all]) => quoted(all, /"([a-z]+_[a-z0-9_]+)"/g)),
  // type RefusalCode = "results_gap" | …
  (text) => [...text.matchAll(/type \w*Code =([^;]*);/g)].flatMap(([all]) => quoted(all)),
  (text) =>
    [...text.matchAll(new RegExp(`\\b(?:${MAKERS})\\(\\s*"([a-z0-9_]+)"`, "g"))].map(
      ([, code]) => code ?? "",
    ),
  (text) => [...text.matchAll(/\brefuse\([^,]*, "([a-z0-9_]+)"/g)].map(([, code]) => code ?? ""),
  // const SYSTEM_CODES = { ENOSPC: "disk_full" }
  (text) => [...text.matchAll(/CODES[^=]*= \{([^}]*)\}/g)].flatMap(([all]) => quoted(all)),
];

const inSource = new Set(sources.flatMap(({ text }) => WAYS.flatMap((way) => way(text))));
const problemTable = /const STATUS = \{([^}]*)\}/.exec(textOf("protocol/problem.ts"))?.[1] ?? "";
const problems = [...problemTable.matchAll(/^\s*(\w+): (\d+),/gm)].map(([, code = "", status]) => ({
  code,
  status: Number(status),
}));
for (const { code } of problems) inSource.add(code);

/** Rows of the document's tables: the code in the first column, the rest behind it. */
const rows = [...DOCUMENT.matchAll(/^\| `([a-z0-9_]+)` *\|(.*)\|$/gm)].map(([, code = "", rest = ""]) => ({
  code,
  cells: rest.split("|").map((cell) => cell.trim()),
}));
const documented = rows.map(({ code }) => code).filter((code) => !/^\d+$/.test(code));

describe("docs/ERRORS.md", () => {
  test("explains every code that the source knows", () => {
    expect([...inSource].filter((code) => !documented.includes(code)).sort()).toEqual([]);
  });

  test("explains no code that is gone, and none twice", () => {
    expect(documented.filter((code) => !inSource.has(code)).sort()).toEqual([]);
    expect(documented.filter((code, index) => documented.indexOf(code) !== index)).toEqual([]);
  });

  test("says of each what it means and what to do next", () => {
    for (const { code, cells } of rows)
      expect(cells.filter((cell) => cell !== "").length, code).toBe(cells.length);
    for (const { code, cells } of rows) expect(cells.length, code).toBeGreaterThanOrEqual(2);
  });

  test("gives each problem the status that it is answered with", () => {
    expect(problems.length).toBeGreaterThan(30);
    expect(problems.every(({ code }) => isProblemCode(code))).toBe(true);
    const statusOf = Object.fromEntries(rows.map(({ code, cells }) => [code, Number(cells[0])]));
    expect(problems.map(({ code }) => ({ code, status: statusOf[code] }))).toEqual(problems);
  });

  test("explains every close code of a worker's connection, and no other", () => {
    const numbers = rows.map(({ code }) => code).filter((code) => /^\d+$/.test(code));
    expect(new Set(numbers)).toEqual(new Set(Object.values(CLOSE).map(String)));
  });
});
