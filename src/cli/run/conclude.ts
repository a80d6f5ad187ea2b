/** The end of a run: one report, printed and written, and the code that the program ends with. */
import { buildReport, renderSummary, type ProblemFacts, type RunReport } from "../../reports/index.ts";
import type { ExitCode } from "../exit-codes.ts";
import { paintFor, print, printJson, say } from "../io.ts";
import { environmentOf } from "./environment.ts";
import { writeReports, type ReportFlags } from "./reports.ts";
import type { RunBook } from "./run-book.ts";

export interface Conclusion {
  run: RunReport["run"];
  startedAt: number;
  book: RunBook;
  problems: readonly ProblemFacts[];
  workspace: string;
  /** The coordinator goes on after this command, so logs can be asked for. */
  coordinator: { flag: string } | null;
  flags: ReportFlags & { json?: true };
}

export async function conclude(what: Conclusion): Promise<number> {
  const report = buildReport({
    run: what.run,
    started_at: what.startedAt,
    ended_at: Date.now(),
    environment: await environmentOf(what.workspace),
    tasks: await what.book.facts(),
    problems: what.problems,
  });
  const written = await writeReports(report, what.flags);
  if (what.flags.json) printJson(report);
  else print(summaryOf(report, what.coordinator));
  for (const path of written) say(`report: ${path}`);
  return report.verdict.exit_code satisfies ExitCode;
}

function summaryOf(report: RunReport, coordinator: Conclusion["coordinator"]): string {
  const paint = paintFor(process.stdout);
  if (coordinator === null) return renderSummary(report, { paint });
  const logCommand = (id: string, attempt: number): string =>
    `testyard logs ${id} --attempt ${attempt}${coordinator.flag}`;
  return renderSummary(report, { paint, logCommand });
}
