/** Writes the files that were asked for. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadHtml, toJson, toJunit, toMarkdown, type RunReport } from "../../reports/index.ts";
import { pageParts } from "../report/page-parts.ts";

export const REPORT_FORMATS = ["json", "junit", "md", "html"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];
export const DEFAULT_REPORT_DIR = "testyard-report";

const FILES: Readonly<Record<ReportFormat, string>> = {
  json: "report.json",
  junit: "junit.xml",
  md: "report.md",
  html: "report.html",
};

export interface ReportFlags {
  report?: ReportFormat[] | undefined;
  reportDir?: string | undefined;
}

/** Naming a format or a folder asks for reports; naming neither asks for none. */
export async function writeReports(report: RunReport, flags: ReportFlags): Promise<string[]> {
  if (flags.report === undefined && flags.reportDir === undefined) return [];
  const dir = flags.reportDir ?? DEFAULT_REPORT_DIR;
  await mkdir(dir, { recursive: true });
  const written: string[] = [];
  for (const format of new Set(flags.report ?? REPORT_FORMATS)) {
    const path = join(dir, FILES[format]);
    await writeFile(path, await textOf(format, report));
    written.push(path);
  }
  return written;
}

async function textOf(format: ReportFormat, report: RunReport): Promise<string> {
  switch (format) {
    case "json":
      return toJson(report);
    case "junit":
      return toJunit(report);
    case "md":
      return toMarkdown(report, { rest: `\`${FILES.html}\`, \`${FILES.json}\`` });
    case "html": {
      const [{ toHtml }, parts] = await Promise.all([loadHtml(), pageParts()]);
      return toHtml(report, parts);
    }
  }
}
