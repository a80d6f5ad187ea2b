/**
 * Whole reports as they were once looked at and found right. After a change on purpose:
 * `TESTYARD_UPDATE=1 npx vitest run src/reports/golden.test.ts`, and look at the difference.
 */
import { readFile, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { toJson } from "./json.ts";
import { toJunit } from "./junit.ts";
import { toMarkdown } from "./markdown.ts";
import { hostileReport, usualReport } from "./reports.testing.ts";
import { renderSummary } from "./summary.ts";

/** Ten thousand times the same letter would be all there is to see. */
const shortened = (text: string) => text.replace(/x{50,}/g, (run) => `(${run.length} × x)`);

const REPORTS = { usual: usualReport(), hostile: hostileReport() };
const FORMATS = {
  json: toJson,
  "junit.xml": toJunit,
  md: toMarkdown,
  txt: renderSummary,
} as const;
const names = Object.keys(REPORTS).flatMap((report) =>
  Object.keys(FORMATS).map((format) => [report, format] as const),
);

it.each(names)("prints the %s run as %s as it always did", async (name, format) => {
  const text = shortened(FORMATS[format as keyof typeof FORMATS](REPORTS[name as keyof typeof REPORTS]));
  const file = new URL(`fixtures/${name}.${format}`, import.meta.url);
  if (process.env["TESTYARD_UPDATE"] === "1") await writeFile(file, text);
  expect(text).toBe(await readFile(file, "utf8"));
});
