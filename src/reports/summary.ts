/**
 * The end of a run on a terminal: failures first, each with its message and where to look next, then what
 * else deserves a look, then one table and one line. Passing tests are numbers.
 */
import { isFailure } from "./cases.ts";
import { failureGroups } from "./failures.ts";
import type { CaseReport, RunReport } from "./model.ts";
import { clipped, oneLine, shortTime, terminalLines, titleOf } from "./text.ts";

export type Paint = (style: "red" | "green" | "yellow" | "dim" | "bold", text: string) => string;

export const plainPaint: Paint = (_style, text) => text;

export interface SummaryOptions {
  paint?: Paint;
  /** The command that shows the log of a task, when there is one to ask. */
  logCommand?: (taskId: string, attempt: number) => string;
}

const FAILURES_SHOWN = 20;
/** Of one cause, where not all failures are shown. */
const OF_A_CAUSE = 3;
const DETAIL_LINES = 15;
const FLAKY_SHOWN = 10;

export function renderSummary(report: RunReport, options: SummaryOptions = {}): string {
  const paint = options.paint ?? plainPaint;
  const failures = report.cases.filter((it) => isFailure(it.outcome));
  const shown = chosen(report, failures);
  const lines = [
    ...shown.flatMap((it) => failureLines(it, { ...options, paint })),
    ...more(failures.length - shown.length, "failures", paint),
    ...flakyLines(report, paint),
    ...table(report, paint),
    "",
    ...comparisonLines(report, paint),
    lastLine(report, paint),
  ];
  return `${lines.join("\n")}\n`;
}

/** Too many are seldom all different: a few of each cause, so that none hides behind a common one. */
function chosen(report: RunReport, failures: readonly CaseReport[]): CaseReport[] {
  if (failures.length <= FAILURES_SHOWN) return [...failures];
  const causes = failureGroups(report).map(({ cases }) => cases);
  const rounds = Array.from({ length: OF_A_CAUSE }, (_, i) =>
    causes.flatMap((cases) => cases.slice(i, i + 1)),
  );
  const first = new Set(rounds.flat().slice(0, FAILURES_SHOWN));
  return failures.filter((it) => first.has(it));
}

function failureLines(it: CaseReport, options: SummaryOptions & { paint: Paint }): string[] {
  const { paint, logCommand } = options;
  const where = [
    ...[it.framework, it.worker_id].flatMap((part) => (part === null ? [] : [clipped(oneLine(part))])),
    ...(it.attempt > 1 ? [`attempt ${it.attempt}`] : []),
  ];
  const head = `${paint("red", it.outcome === "error" ? "ERROR" : "FAILED")}  ${clipped(titleOf(it))}`;
  const body = detailOf(it).map((line) => `    ${clippedLine(line)}`.trimEnd());
  const ask = it.task_id === null ? undefined : logCommand?.(it.task_id, it.attempt);
  return [
    `${head}  ${paint("dim", where.join(" · "))}`.trimEnd(),
    ...body,
    ...(ask === undefined || it.attempt === 0 ? [] : [paint("dim", `    whole log: ${ask}`)]),
    "",
  ];
}

const LINE_CHARS = 500;

function clippedLine(line: string): string {
  return line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}… (${line.length} characters)` : line;
}

/** The message, then the end of the traceback: that is where frameworks put what matters. */
function detailOf(it: CaseReport): string[] {
  const message = terminalLines(it.message ?? "").filter((line) => line !== "");
  const detail = terminalLines(it.detail ?? "");
  const first = message.slice(0, DETAIL_LINES);
  const tail = detail.slice(-DETAIL_LINES);
  const isRepeated = bare(tail).includes(bare(first));
  while (tail.at(-1) === "") tail.pop();
  if (tail.length === 0) return first;
  return isRepeated ? tail : [...first, "", ...tail];
}

/** What a message has in common with its repetition in a traceback: pytest marks those lines with an E. */
function bare(lines: readonly string[]): string {
  const texts = lines.map((line) => line.replace(/^E(?=\s|$)/, "").trim());
  return texts.filter((line) => line !== "").join("\n");
}

function flakyLines(report: RunReport, paint: Paint): string[] {
  const flaky = report.cases.filter((it) => it.flaky);
  if (flaky.length === 0) return [];
  const lines = flaky.slice(0, FLAKY_SHOWN).map((it) => {
    const how = paint("dim", it.attempt > 1 ? `passed in attempt ${it.attempt}` : "passed when repeated");
    return `${paint("yellow", "FLAKY")}   ${clipped(titleOf(it))}  ${how}`;
  });
  return [...lines, ...more(flaky.length - lines.length, "flaky cases", paint), ""];
}

function more(count: number, what: string, paint: Paint): string[] {
  return count > 0 ? [paint("dim", `… and ${count} more ${what}, all of them in the reports`), ""] : [];
}

const COLUMNS = ["suite", "cases", "passed", "failed", "skipped", "flaky", "time"] as const;

function table(report: RunReport, paint: Paint): string[] {
  const groups = new Map<string, CaseReport[]>();
  for (const it of report.cases) {
    const key = `${it.framework ?? "command"}  ${it.suite}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [it]);
    else group.push(it);
  }
  if (groups.size === 0) return [];
  const rows = [[...COLUMNS], ...[...groups].map(([name, cases]) => row(name, cases))];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((cells) => (cells[i] ?? "").length)));
  const aligned = rows.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  "),
  );
  return aligned.map((line, i) => (i === 0 ? paint("dim", line) : line));
}

function row(name: string, cases: readonly CaseReport[]): string[] {
  const number = (holds: (it: CaseReport) => boolean) => String(cases.filter(holds).length);
  return [
    clipped(oneLine(name)),
    String(cases.length),
    number((it) => it.outcome === "passed"),
    number((it) => isFailure(it.outcome)),
    number((it) => it.outcome === "skipped"),
    number((it) => it.flaky),
    `${(cases.reduce((sum, it) => sum + it.duration_ms, 0) / 1000).toFixed(1)} s`,
  ];
}

const CHANGE_WORDS = {
  newly_failing: "newly failing",
  fixed: "fixed",
  still_failing: "still failing",
  new: "new",
  gone: "not in this run",
  slower: "slower",
  faster: "faster",
} as const;
const NEWS_SHOWN = 3;

/** What is news: at most two lines. */
function comparisonLines({ previous }: RunReport, paint: Paint): string[] {
  if (previous === null) return [];
  const { counts, cases, run, duration_ms } = previous;
  const words = (Object.keys(CHANGE_WORDS) as (keyof typeof CHANGE_WORDS)[])
    .filter((change) => counts[change] > 0)
    .map((change) => `${counts[change]} ${CHANGE_WORDS[change]}`);
  // A run that took everything over from earlier ones has no id.
  const id = run.run_id === "" ? "before" : oneLine(run.run_id);
  const since = `since run ${id} (${shortTime(duration_ms)})`;
  const line = `${since}: ${words.join(", ") || "no change"}`;
  const news = cases.newly_failing.slice(0, NEWS_SHOWN).map((it) => clipped(titleOf(it)));
  const more = counts.newly_failing > news.length ? ` and ${counts.newly_failing - news.length} more` : "";
  const named = news.length > 0 ? [`${paint("red", "newly failing:")} ${news.join(", ")}${more}`] : [];
  return [paint("dim", line), ...named];
}

function lastLine(report: RunReport, paint: Paint): string {
  const { totals, verdict } = report;
  const parts = [
    `${totals.passed} passed`,
    ...(totals.failed + totals.error > 0 ? [`${totals.failed + totals.error} failed`] : []),
    ...(totals.skipped > 0 ? [`${totals.skipped} skipped`] : []),
    ...(totals.flaky > 0 ? [`${totals.flaky} flaky`] : []),
    ...(totals.reused > 0 ? [`${totals.reused} reused from earlier runs`] : []),
  ];
  const where = report.workers.length === 1 ? "1 worker" : `${report.workers.length} workers`;
  const end = `${parts.join(", ")} in ${(report.duration_ms / 1000).toFixed(1)} s on ${where}`;
  switch (verdict.result) {
    case "passed":
      return `${paint("green", "PASSED")}  ${end}`;
    case "failed":
      return `${paint("red", "FAILED")}  ${end}`;
    case "infrastructure":
      return `${paint("red", "BROKEN")}  ${verdict.why}; ${end}`;
    case "nothing_ran":
      return `${paint("yellow", "NOTHING RAN")}  ${verdict.why}`;
  }
}
