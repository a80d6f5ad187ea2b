/** Writes the files that were asked for. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toJson, toJunit, type RunReport } from "../../reports/index.ts";

export const REPORT_FORMATS = ["json", "junit"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];
const DEFAULT_REPORT_DIR = "testyard-report";

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
    const [name, text] = format === "json" ? ["report.json", toJson(report)] : ["junit.xml", toJunit(report)];
    await writeFile(join(dir, name), text);
    written.push(join(dir, name));
  }
  return written;
}
