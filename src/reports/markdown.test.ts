import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { MARKDOWN_LIMIT_BYTES, toMarkdown } from "./markdown.ts";
import { codeInCell } from "./markdown-text.ts";
import { aCase, anAttempt, aRun, aTask, HOSTILE, hostileReport, manyCases } from "./reports.testing.ts";

/** What a reader of Markdown would take for markup: everything outside of code. */
function outsideCode(text: string): string {
  const withoutFences = text.replace(/^(`{3,})text\n[^]*?^\1$/gm, "");
  return withoutFences.replace(/(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, "CODE");
}

it("lets no name, message or output out of code", () => {
  const text = toMarkdown(hostileReport());
  expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  const bare = outsideCode(text);
  for (const word of ["script", "@everyone", "javascript:", "onerror", "CDATA", "calc", "xxxx"])
    expect(bare.replace(/<code>(?:[\p{L}\p{N} ]|&#\d+;)*<\/code>/gu, "")).not.toContain(word);
});

it("keeps every row of a table in its columns", () => {
  const lines = toMarkdown(hostileReport()).split("\n");
  const rows = lines.filter((line) => line.startsWith("| ") && !line.includes("```"));
  expect(rows.length).toBeGreaterThan(20);
  let columns = 0;
  for (const [i, line] of lines.entries()) {
    if (!line.startsWith("|")) continue;
    const cells = line.split("|").length;
    if (!lines[i - 1]?.startsWith("|")) columns = cells;
    expect(cells, line).toBe(columns);
  }
});

it.each(HOSTILE)("writes %j as one cell", (text) => {
  expect(codeInCell(text)).not.toMatch(/[|\n]/);
});

it("stays within 60 kB of UTF-8, and says how much is elsewhere", () => {
  const names = Array.from({ length: 3_000 }, (_, i) => aCase(`${"ä€😀".repeat(20)} ${i}`, "failed"));
  const cases = names.map((it, i) => ({ ...it, message: `cause ${"abc".repeat(i % 300)} é` }));
  const report = buildReport(aRun([aTask({ state: "failed", attempts: [anAttempt({ cases })] })]));
  const text = toMarkdown(report, { rest: "`report.html`" });
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MARKDOWN_LIMIT_BYTES);
  expect(Buffer.byteLength(text)).toBeGreaterThan(MARKDOWN_LIMIT_BYTES / 2);
  expect(text).toMatch(/_… and \d+ more causes of failures: see `report.html`._/);
  expect(text).toContain("### Slowest");
});

it("stays within it for 100,000 cases", () => {
  const text = toMarkdown(buildReport(manyCases(100_000)));
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MARKDOWN_LIMIT_BYTES);
  expect(text).toContain("### Failures: 1000 cases, 7 causes");
});

it("shows a detail with its end, where frameworks put what matters", () => {
  const detail = Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n");
  const cases = [aCase("a", "failed", { message: "no", detail })];
  const report = buildReport(aRun([aTask({ state: "failed", attempts: [anAttempt({ cases })] })]));
  expect(toMarkdown(report)).toMatch(/```text\n… 20 lines above\nline 20\n[^]*line 49\n```/);
});
