/**
 * What the small programs that we leave beside a run have in common: they are text here, because the worker
 * is one file and frameworks load reporters by path. They append JSON lines as `line-report.ts` reads them.
 */

/** CommonJS: `write(record)` and `cut(text)` for a reporter or driver that reports to this path. */
export function withReport(reportPath: string, source: string): string {
  return `"use strict";
const { appendFileSync } = require("node:fs");

const REPORT = ${JSON.stringify(reportPath)};
const LIMIT = 16 * 1024;

function write(record) {
  appendFileSync(REPORT, JSON.stringify(record) + "\\n");
}

function cut(value) {
  const text = String(value ?? "");
  if (text.length <= LIMIT) return text;
  return text.slice(0, LIMIT) + "\\n... cut: " + text.length + " characters in all";
}

${source}`;
}
