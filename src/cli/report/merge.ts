/** Shards, read from their files. */
import { mergeReports, type RunReport } from "../../reports/index.ts";
import { readReportFile, refused } from "./find.ts";

/** @throws CliError */
export async function mergedReport(files: readonly string[]): Promise<RunReport> {
  const shards = await Promise.all(files.map(async (name) => ({ name, report: await readReportFile(name) })));
  const merged = mergeReports(shards);
  if (merged.ok) return merged.report;
  throw refused(merged.error);
}
