/**
 * The report as Markdown, for a job summary or a comment: at most 60 kB, whatever the run.
 *
 * What a test wrote stands in code only, in spans and fences longer than any run of backticks within, so that
 * no name can become a heading, a mention, a link or a tag. Sections come in the order in which people ask;
 * each takes what room the ones before it left, and says how much of it is missing.
 */
import { failureGroups, type FailureGroup } from "./failures.ts";
import { Pages } from "./markdown-room.ts";
import { code, codeInCell, fenced } from "./markdown-text.ts";
import type { CaseReport, Change, ComparedCase, Comparison, RunReport } from "./model.ts";
import { shortTime, terminalLines, titleOf } from "./text.ts";

export interface MarkdownOptions {
  /** Where the rest is, such as the name of the HTML report. */
  rest?: string | undefined;
}

export const MARKDOWN_LIMIT_BYTES = 60_000;
const GROUPS = 50;
const CASES_OF_GROUP = 20;
const FLAKY = 50;
const SLOWEST = 10;
const OF_A_CHANGE = 20;
const DETAIL_LINES = 30;
const LINE_CHARS = 300;

export function toMarkdown(report: RunReport, { rest = "the other reports" }: MarkdownOptions = {}): string {
  const pages = new Pages(
    MARKDOWN_LIMIT_BYTES,
    (count, what) => `_… and ${count} more ${what}: see ${rest}._`,
  );
  pages.add(headLines(report));
  const groups = failureGroups(report);
  if (groups.length > 0) pages.add([failuresTitle(report, groups), ""]);
  pages.list(groups.map(groupLines), { what: "causes of failures", most: GROUPS });
  if (report.previous !== null) addComparison(pages, report.previous);
  addTable(pages, "### Flaky", {
    head: ["case", "passed in attempt", "worker"],
    what: "flaky cases",
    most: FLAKY,
    rows: report.cases
      .filter((it) => it.flaky)
      .map((it) => [codeInCell(titleOf(it)), String(it.attempt), codeInCell(it.worker_id ?? "")]),
  });
  addTable(pages, "### Slowest", {
    head: ["case", "time", "worker"],
    what: "",
    most: SLOWEST,
    rows: slowest(report.cases).map((it) => [
      codeInCell(titleOf(it)),
      shortTime(it.duration_ms),
      codeInCell(it.worker_id ?? ""),
    ]),
  });
  addTable(pages, "### Where", {
    head: ["what", ""],
    what: "entries",
    most: 60,
    rows: environmentRows(report),
  });
  return pages.text();
}

const SIGNS = {
  passed: "✅ passed",
  failed: "❌ failed",
  infrastructure: "💥 broken",
  nothing_ran: "⚠️ nothing ran",
};

function headLines(report: RunReport): string[] {
  const { run, verdict, totals, duration_ms, workers, merged_from } = report;
  const cells = [
    ["cases", totals.cases],
    ["passed", totals.passed],
    ["failed", totals.failed + totals.error],
    ["skipped", totals.skipped],
    ["flaky", totals.flaky],
    ["reused", totals.reused],
  ] as const;
  const shown = cells.filter(([name, n]) => n > 0 || name === "cases" || name === "failed");
  const on = workers.length === 1 ? "1 worker" : `${workers.length} workers`;
  const shards = merged_from.length > 0 ? `, merged from ${merged_from.length} runs` : "";
  return [
    `## ${SIGNS[verdict.result]}: ${code(run.name)}`,
    "",
    `${verdict.why}, in ${shortTime(duration_ms)} on ${on}${shards}. Run ${code(run.run_id)}.`,
    "",
    `| ${shown.map(([name]) => name).join(" | ")} |`,
    `|${shown.map(() => "---:").join("|")}|`,
    `| ${shown.map(([, n]) => String(n)).join(" | ")} |`,
    "",
    ...reusedLines(report),
  ];
}

const RUNS_NAMED = 5;

function reusedLines({ totals, cases }: RunReport): string[] {
  if (totals.reused === 0) return [];
  const runs = new Set(cases.flatMap((it) => it.reused_from?.run_id ?? []));
  const named = [...runs].slice(0, RUNS_NAMED).map(code).join(", ");
  const more = runs.size > RUNS_NAMED ? ` and ${runs.size - RUNS_NAMED} more` : "";
  const are = totals.reused === 1 ? "1 case was" : `${totals.reused} cases were`;
  return [`${are} not run but reused, unchanged, from ${named}${more}.`, ""];
}

function failuresTitle({ totals }: RunReport, groups: readonly FailureGroup[]): string {
  const bad = totals.failed + totals.error;
  const causes = groups.length === 1 ? "1 cause" : `${groups.length} causes`;
  return `### Failures: ${bad} ${bad === 1 ? "case" : "cases"}, ${causes}`;
}

function groupLines({ title, cases }: FailureGroup): string[] {
  const shown = cases.slice(0, CASES_OF_GROUP);
  const more = cases.length - shown.length;
  const [first] = cases;
  return [
    `**${cases.length} ×** ${code(title)}`,
    "",
    ...shown.map((it) => `- ${code(titleOf(it))}${whereOf(it)}`),
    ...(more > 0 ? [`- _… and ${more} more of this cause_`] : []),
    "",
    ...(first === undefined ? [] : detailLines(first)),
  ];
}

function whereOf({ worker_id, attempt }: CaseReport): string {
  const parts = [
    ...(worker_id === null ? [] : [`on ${code(worker_id)}`]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
  ];
  return parts.length === 0 ? "" : ` ${parts.join(", ")}`;
}

function detailLines(it: CaseReport): string[] {
  const lines = terminalLines(it.detail ?? it.message ?? "").filter(
    (line, i, all) => line !== "" || i < all.length - 1,
  );
  const tail = lines
    .slice(-DETAIL_LINES)
    .map((line) => (line.length > LINE_CHARS ? `${line.slice(0, LINE_CHARS)}…` : line));
  if (tail.join("").trim() === "" || lines.length === 1) return [];
  const cut = lines.length > tail.length ? [`… ${lines.length - tail.length} lines above`] : [];
  return [
    "<details><summary>detail of the first</summary>",
    "",
    ...fenced([...cut, ...tail]),
    "",
    "</details>",
    "",
  ];
}

const CHANGE_TITLES: Readonly<Record<Change, string>> = {
  newly_failing: "newly failing",
  fixed: "fixed",
  still_failing: "still failing",
  flaky: "flaky now",
  new: "new",
  gone: "not in this run",
  slower: "slower",
  faster: "faster",
};
const LISTED_CHANGES: readonly Change[] = ["newly_failing", "fixed", "slower", "gone"];

function addComparison(pages: Pages, comparison: Comparison): void {
  const { run, counts, duration_ms } = comparison;
  const words = (Object.keys(CHANGE_TITLES) as Change[])
    .filter((change) => counts[change] > 0)
    .map((change) => `${counts[change]} ${CHANGE_TITLES[change]}`);
  const that = `That run was ${code(run.run_id)} and took ${shortTime(duration_ms)}.`;
  pages.add(["### Since the previous run", "", `${words.join(", ") || "no difference"}. ${that}`, ""]);
  for (const change of LISTED_CHANGES) {
    const rows = comparison.cases[change].map((it) => [
      codeInCell(titleOf(it)),
      stateOf(it, "before"),
      stateOf(it, "now"),
    ]);
    addTable(pages, `**${CHANGE_TITLES[change]}**`, {
      head: ["case", "before", "now"],
      what: "",
      most: OF_A_CHANGE,
      rows,
      count: counts[change],
    });
  }
}

function stateOf(it: ComparedCase, when: "before" | "now"): string {
  const ms = when === "now" ? it.now_ms : it.before_ms;
  const outcome = it[when];
  return outcome === null ? "–" : `${outcome}${ms === null ? "" : `, ${shortTime(ms)}`}`;
}

interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** What is counted when rows are left out; "" where nobody misses them. */
  what: string;
  most: number;
  /** How many there are, when `rows` are not all. */
  count?: number;
}

function addTable(pages: Pages, title: string, { head, rows, what, most, count }: Table): void {
  if (rows.length === 0) return;
  const start = [title, "", `| ${head.join(" | ")} |`, `|${head.map(() => "---").join("|")}|`];
  const lines = rows.map((cells) => [`| ${cells.join(" | ")} |`]);
  pages.list(lines, { what: what || "of these", most, start, ...(count !== undefined && { count }) });
}

function slowest(cases: readonly CaseReport[]): CaseReport[] {
  const ran = cases.filter((it) => it.reused_from === null);
  return ran.sort((a, b) => b.duration_ms - a.duration_ms).slice(0, SLOWEST);
}

function environmentRows(report: RunReport): string[][] {
  const facts = Object.entries(report.environment).map(([name, value]) => [
    codeInCell(name.replaceAll("_", " ")),
    codeInCell(value),
  ]);
  const machines = report.hardware.map((it) => [
    "hardware",
    codeInCell(
      [it.cpu_model, `${it.logical_cores} cores`, `${Math.round(it.memory_mb / 1024)} GB`, ...it.gpus].join(
        ", ",
      ),
    ),
  ]);
  return [...facts, ...machines];
}
