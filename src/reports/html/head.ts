/** The first screen: the verdict, the numbers, what is news. */
import type { Change, ComparedCase, Comparison, RunReport } from "../model.ts";
import { isoTime } from "../junit.ts";
import { clipped, oneLine, shortTime, titleOf } from "../text.ts";
import { outcomeBar } from "./charts.ts";
import { escapeHtml } from "./escape.ts";

/** Told apart by sign and word; the colour only repeats them. */
const VERDICTS = {
  passed: { sign: "✓", word: "Passed" },
  failed: { sign: "✗", word: "Failed" },
  infrastructure: { sign: "!", word: "Broken" },
  nothing_ran: { sign: "?", word: "Nothing ran" },
} as const;

export function headSections(report: RunReport): string[] {
  const { run, verdict, totals, duration_ms, started_at, workers, merged_from } = report;
  const { sign, word } = VERDICTS[verdict.result];
  const on = workers.length === 1 ? "1 worker" : `${workers.length} workers`;
  const facts = [
    `${isoTime(started_at).replace("T", " ").replace("Z", " UTC")}`,
    shortTime(duration_ms),
    on,
    `${totals.tasks} ${totals.tasks === 1 ? "task" : "tasks"}`,
    ...(merged_from.length > 0 ? [`merged from ${merged_from.length} runs`] : []),
  ];
  return [
    "<header>",
    '<div class="bar">',
    '<p class="brand">testyard</p>',
    '<button id="theme" type="button" hidden>Dark</button>',
    "</div>",
    `<h1><bdi>${escapeHtml(clipped(oneLine(run.name)))}</bdi></h1>`,
    `<p class="verdict ${verdict.result}"><span class="sign" aria-hidden="true">${sign}</span>`,
    `<strong>${word}</strong>`,
    `<span>${escapeHtml(verdict.why)}</span></p>`,
    `<p class="facts">${facts.map(escapeHtml).join(" · ")} · run ${codeOf(run.run_id)}</p>`,
    ...numbers(report),
    ...comparison(report.previous),
    "</header>",
  ];
}

function codeOf(text: string): string {
  return `<code>${escapeHtml(clipped(oneLine(text)))}</code>`;
}

const TILES = [
  ["passed", "✓"],
  ["failed", "✗"],
  ["error", "!"],
  ["skipped", "–"],
  ["flaky", "~"],
  ["reused", "↺"],
] as const;

function numbers({ totals, cases }: RunReport): string[] {
  const shown = TILES.filter(([name]) => totals[name] > 0 || name === "passed" || name === "failed");
  const tiles = shown.map(
    ([name, sign]) =>
      `<li><a class="tile ${name}" href="#?q=s%3A${name}">` +
      `<span class="count">${totals[name].toLocaleString("en")}</span>` +
      `<span class="what"><span aria-hidden="true">${sign}</span> ${name}</span></a></li>`,
  );
  const parts = (["passed", "failed", "error", "skipped"] as const)
    .map((name) => ({ name, count: totals[name] }))
    .filter(({ count }) => count > 0);
  const said = parts.map(({ name, count }) => `${count} ${name}`).join(", ");
  return [
    `<nav aria-label="Cases by outcome"><ul class="tiles">${tiles.join("")}</ul></nav>`,
    ...(cases.length === 0
      ? []
      : [
          `<div class="outcome" role="img" aria-label="${escapeHtml(`Of ${cases.length} cases: ${said}`)}">`,
          outcomeBar(parts),
          "</div>",
        ]),
  ];
}

const TITLES: readonly (readonly [Change, string])[] = [
  ["newly_failing", "newly failing"],
  ["fixed", "fixed"],
  ["still_failing", "still failing"],
  ["new", "new"],
  ["gone", "not in this run"],
  ["slower", "slower"],
  ["faster", "faster"],
];
const LISTED = 100;

function comparison(previous: Comparison | null): string[] {
  if (previous === null) return [];
  const { counts, cases, run, started_at, duration_ms, git_commit } = previous;
  const changed = TITLES.filter(([change]) => counts[change] > 0);
  const words = changed.map(([change, title]) => `<strong>${counts[change]}</strong> ${title}`).join(", ");
  const commit =
    git_commit === null ? "" : `, commit <code>${escapeHtml(oneLine(git_commit).slice(0, 12))}</code>`;
  const that = [
    `run ${codeOf(run.run_id)}`,
    `${isoTime(started_at).replace("T", " ").replace("Z", " UTC")}, ${shortTime(duration_ms)}${commit}`,
  ].join(", ");
  return [
    '<section class="since" aria-labelledby="since-title">',
    '<h2 id="since-title">Since the previous run</h2>',
    `<p>${words || "No difference"}. <span class="dim">Compared with ${that}.</span></p>`,
    ...changed.map(([change, title]) => changeTable(title, cases[change], counts[change])),
    "</section>",
  ];
}

function changeTable(title: string, cases: readonly ComparedCase[], count: number): string {
  const rows = cases.slice(0, LISTED).map((it) => {
    const cells = [clipped(titleOf(it)), stateOf(it.before, it.before_ms), stateOf(it.now, it.now_ms)];
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
  });
  const more =
    count > rows.length
      ? `<p class="dim">… and ${count - rows.length} more: report.json has up to 1,000.</p>`
      : "";
  return [
    `<details><summary>${count} ${title}</summary>`,
    '<div class="scroll" tabindex="0" role="group" aria-label="',
    `${title}"><table><thead><tr><th scope="col">case</th><th scope="col">before</th>`,
    '<th scope="col">now</th></tr></thead>',
    `<tbody>${rows.join("")}</tbody></table></div>${more}</details>`,
  ].join("");
}

function stateOf(outcome: string | null, ms: number | null): string {
  if (outcome === null) return "–";
  return ms === null ? outcome : `${outcome}, ${shortTime(ms)}`;
}
