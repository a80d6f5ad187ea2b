/** A report as a command ends with it: the files that were asked for, data or a summary, a code. */
import { renderSummary, toJson, type RunReport } from "../../reports/index.ts";
import { paintFor, print, say } from "../io.ts";
import { writeReports, type ReportFlags } from "../run/reports.ts";

export interface ShowOptions {
  flags: ReportFlags & { json?: true };
  /** Where logs can still be asked for; null when the yard has gone. */
  coordinator: { flag: string } | null;
}

export async function showReport(report: RunReport, { flags, coordinator }: ShowOptions): Promise<number> {
  const written = await writeReports(report, flags);
  if (flags.json) print(toJson(report));
  else print(summaryOf(report, coordinator));
  for (const path of written) say(`report: ${path}`);
  const { run, verdict } = report;
  if (coordinator !== null && run.run_id !== "" && verdict.result === "failed")
    say(`again what has not passed: testyard retry --failed ${run.run_id}${coordinator.flag}`);
  return report.verdict.exit_code;
}

function summaryOf(report: RunReport, coordinator: ShowOptions["coordinator"]): string {
  const paint = paintFor(process.stdout);
  if (coordinator === null) return renderSummary(report, { paint });
  const logCommand = (id: string, attempt: number): string =>
    `testyard logs ${id} --attempt ${attempt}${coordinator.flag}`;
  return renderSummary(report, { paint, logCommand });
}
