/** The end of a run: one report, printed and written, and the code that the program ends with. */
import type { Client } from "../../client/index.ts";
import { buildReport, compareRuns, type ProblemFacts, type RunReport } from "../../reports/index.ts";
import { copyArtifacts } from "../artifacts/of-run.ts";
import { withHardware, withLogTails } from "../report/attempt-facts.ts";
import { keepReport, keptReports } from "../report/kept.ts";
import { previousReport } from "../report/past-run.ts";
import { showReport } from "../report/show.ts";
import { environmentOf } from "./environment.ts";
import { DEFAULT_REPORT_DIR, type ReportFlags } from "./reports.ts";
import type { RunBook } from "./run-book.ts";
import type { FoundSuite } from "./suites.ts";

export interface Conclusion {
  /** Why an empty run is what was asked for, and no mistake of a path. */
  emptyBecause?: string;
  run: RunReport["run"];
  startedAt: number;
  endedAt: number;
  book: RunBook;
  problems: readonly ProblemFacts[];
  workspace: string;
  client: Client;
  /** What was looked for here; absent for a run that somebody else started. */
  found?: readonly FoundSuite[];
  /** The coordinator goes on after this command, so logs can be asked for. */
  coordinator: { flag: string } | null;
  flags: ReportFlags & { json?: true };
}

export async function conclude(what: Conclusion): Promise<number> {
  const { client, workspace } = what;
  const facts = await withHardware(client, await what.book.facts());
  const report = buildReport({
    run: what.run,
    started_at: what.startedAt,
    ended_at: what.endedAt,
    environment: await environmentOf(workspace, toolsOf(what.found ?? [])),
    tasks: await withLogTails(client, facts),
    problems: what.problems,
  });
  const shown = { flags: what.flags, coordinator: what.coordinator };
  if (what.emptyBecause !== undefined) {
    // Compared with nothing and not kept: the next run is to be compared with one that ran.
    return showReport({ ...report, verdict: passedBecause(what.emptyBecause) }, shown);
  }
  const earlier = await earlierOf(report, what);
  const compared = { ...report, previous: earlier === null ? null : compareRuns(report, earlier) };
  await keepReport(workspace, compared);
  if (what.coordinator === null)
    await copyArtifacts(client, facts, { dir: what.flags.reportDir ?? DEFAULT_REPORT_DIR });
  return showReport(compared, shown);
}

function passedBecause(why: string): RunReport["verdict"] {
  return { result: "passed", exit_code: 0, why };
}

/**
 * A yard that goes on knows the runs of everybody; one that goes with this run is asked by nobody else, and
 * what is kept here says more than its results.
 */
async function earlierOf(report: RunReport, what: Conclusion): Promise<RunReport | null> {
  const { run_id, project, name } = report.run;
  if (what.coordinator !== null && run_id !== "")
    return previousReport(what.client, run_id).catch(() => null);
  return keptReports(what.workspace).find(
    (it) => it.run.run_id !== run_id && it.run.project === project && it.run.name === name,
  );
}

function toolsOf(found: readonly FoundSuite[]): Record<string, string> {
  return Object.fromEntries(
    found.flatMap(({ adapter, discovery: { interpreter } }) =>
      interpreter === undefined ? [] : [[adapter.name, interpreter] as const],
    ),
  );
}
