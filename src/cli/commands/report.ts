/** testyard report: any past run again, in every format; shards merged; two runs side by side. */
import type { Command } from "commander";
import type { Target } from "../connection.ts";
import { EXIT } from "../exit-codes.ts";
import type { ReportFlags } from "../run/reports.ts";
import { examples, type Finish, printsJson, reaches } from "./common.ts";
import { writesReports } from "./run.ts";

type Flags = Target & ReportFlags & { json?: true };

const AFTER = `
RUN is the id of a run or the path of a report.json; default: the last run of this folder,
or of the coordinator. It ends with the code of the run.`;

export function registerReport(program: Command, finish: Finish): void {
  const report = program
    .command("report [run]")
    .description("show the report of a past run, or write it in other formats")
    .addHelpText("after", AFTER)
    .action(async (run: string | undefined, flags: Flags) => {
      const { findReport } = await import("../report/find.ts");
      const { showReport } = await import("../report/show.ts");
      const found = await findReport(run, flags);
      finish(await showReport(found.report, { flags, coordinator: found.coordinator }));
    });
  examples(printsJson(writesReports(reaches(report))), [
    "testyard report",
    "testyard report 01J… --report html md --report-dir out",
    "testyard report out/report.json --report junit",
  ]);
  registerMerge(report, finish);
  registerCompare(report, finish);
}

function registerMerge(report: Command, finish: Finish): void {
  const merge = report
    .command("merge <files...>")
    .description("one report out of the report.json of several shards")
    .action(async (files: string[], _flags: ReportFlags, command: Command) => {
      const { mergedReport } = await import("../report/merge.ts");
      const { showReport } = await import("../report/show.ts");
      // An option that both know is read by the outer command.
      const flags = command.optsWithGlobals<Flags>();
      finish(await showReport(await mergedReport(files), { flags, coordinator: null }));
    });
  examples(printsJson(writesReports(merge)), [
    "testyard report merge a/report.json b/report.json --report-dir all",
  ]);
}

function registerCompare(report: Command, finish: Finish): void {
  const compare = report
    .command("compare <before> <after>")
    .description("what changed between two runs, or two report.json")
    .action(async (before: string, after: string, _flags: Target, command: Command) => {
      const { compare: run } = await import("../report/compare.ts");
      await run(before, after, { flags: command.optsWithGlobals<Flags>() });
      finish(EXIT.passed);
    });
  examples(printsJson(reaches(compare)), [
    "testyard report compare 01J…A 01J…B",
    "testyard report compare old/report.json new/report.json --json",
  ]);
}
