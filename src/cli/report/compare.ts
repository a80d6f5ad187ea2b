/** Two runs side by side, for people or as data. */
import { CHANGES, compareRuns, oneLine, shortTime, titleOf } from "../../reports/index.ts";
import type { Change, Comparison, RunReport } from "../../reports/index.ts";
import type { Target } from "../connection.ts";
import { paintFor, print, printJson } from "../io.ts";
import { findReport } from "./find.ts";

const LISTED = 20;

export async function compare(
  before: string,
  after: string,
  { flags }: { flags: Target & { json?: true } },
): Promise<void> {
  const [old, now] = [await findReport(before, flags), await findReport(after, flags)];
  const comparison = compareRuns(now.report, old.report);
  if (flags.json) printJson(comparison);
  else print(comparisonText(comparison, now.report));
}

function comparisonText(comparison: Comparison, now: RunReport): string {
  const paint = paintFor(process.stdout);
  const { run, duration_ms, counts } = comparison;
  const head = [
    `before  ${oneLine(run.run_id)}  ${shortTime(duration_ms)}`,
    `after   ${oneLine(now.run.run_id)}  ${shortTime(now.duration_ms)}`,
  ];
  const parts = CHANGES.filter((change) => counts[change] > 0).flatMap((change) => [
    "",
    paint("bold", `${counts[change]} ${change.replace("_", " ")}`),
    ...linesOf(comparison, change),
  ]);
  return [...head, ...(parts.length === 0 ? ["", "no difference"] : parts)].join("\n");
}

function linesOf({ cases, counts }: Comparison, change: Change): string[] {
  const shown = cases[change].slice(0, LISTED);
  const lines = shown.map((it) => {
    const pace = change === "slower" || change === "faster";
    const times = `${shortTime(it.before_ms ?? 0)} → ${shortTime(it.now_ms ?? 0)}`;
    const outcomes = `${it.before ?? "not there"} → ${it.now ?? "not there"}`;
    return `  ${titleOf(it)}  ${pace ? times : outcomes}`;
  });
  const more = counts[change] - shown.length;
  return more > 0 ? [...lines, `  … and ${more} more: --json lists up to 1,000`] : lines;
}
