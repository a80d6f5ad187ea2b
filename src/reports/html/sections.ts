/** What stands below the cases: charts, each with its table, then machines and where the run came from. */
import type { RunReport } from "../model.ts";
import { clipped, oneLine, shortTime } from "../text.ts";
import { durationChart, timelineChart } from "./charts.ts";
import { hardwareText } from "./encode.ts";
import { escapeHtml } from "./escape.ts";
import { durationBins } from "./histogram.ts";
import { timelineOf } from "./lanes.ts";

export function chartSections(report: RunReport): string[] {
  return [...timelineSection(report), ...durationSection(report)];
}

function timelineSection(report: RunReport): string[] {
  const timeline = timelineOf(report);
  if (timeline.bars.length === 0) return [];
  const hidden = timeline.hidden > 0 ? ` The ${timeline.hidden} shortest are left out.` : "";
  return figure({
    id: "timeline",
    title: "Timeline",
    text: `Attempts on the slots of their workers, by time since the start.${hidden}`,
    label: `Timeline of ${timeline.bars.length} attempts on ${timeline.lanes.length} slots`,
    svg: timelineChart(timeline),
    table: workerTable("Attempts by worker", report),
  });
}

function durationSection({ cases }: RunReport): string[] {
  const bins = durationBins(cases);
  if (bins.length === 0) return [];
  return figure({
    id: "durations",
    title: "Durations",
    text: "How many cases took how long.",
    label: `Durations of cases. ${bins.map(({ title, count }) => `${title}: ${count}`).join("; ")}`,
    svg: durationChart(bins),
    table: table("Durations as a table", {
      head: ["took", "cases"],
      rows: bins.map(({ title, count }) => [title, String(count)]),
    }),
  });
}

interface Figure {
  id: string;
  title: string;
  text: string;
  label: string;
  svg: string;
  table: string;
}

function figure({ id, title, text, label, svg, table: alternative }: Figure): string[] {
  return [
    `<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>`,
    `<figure><figcaption>${escapeHtml(text)}</figcaption>`,
    `<div class="scroll chart" tabindex="0" role="group" aria-label="${escapeHtml(title)}">`,
    `<div role="img" aria-label="${escapeHtml(label)}">${svg}</div></div>`,
    `<details><summary>as a table</summary>${alternative}</details></figure></section>`,
  ];
}

export function machineSections(report: RunReport): string[] {
  const facts = Object.entries(report.environment).map(([name, value]) => [name.replaceAll("_", " "), value]);
  const hardware = report.hardware.map((it) => ["hardware", hardwareText(it)]);
  const merged = report.merged_from.map((id) => ["merged from run", id]);
  return [
    '<section aria-labelledby="workers"><h2 id="workers">Workers</h2>',
    workerTable("Workers", report),
    "</section>",
    '<section aria-labelledby="where"><h2 id="where">Where it ran</h2>',
    table("Environment", { head: ["what", "value"], rows: [...facts, ...hardware, ...merged] }),
    "</section>",
  ];
}

function workerTable(label: string, { workers, duration_ms }: RunReport): string {
  const rows = workers.map(({ worker_id, attempts, busy_ms }) => [
    worker_id,
    String(attempts),
    shortTime(busy_ms),
    duration_ms === 0 ? "–" : `${Math.round((100 * busy_ms) / duration_ms)} %`,
  ]);
  return table(label, {
    head: ["worker", "attempts", "busy, all slots together", "of the run's time"],
    rows,
  });
}

interface Table {
  head: readonly string[];
  rows: readonly (readonly string[])[];
}

/** May be wider than the page, so it scrolls by itself, by keyboard as well. */
function table(label: string, { head, rows }: Table): string {
  const lines = rows.map((row) => `<tr>${row.map((cell) => `<td>${cellText(cell)}</td>`).join("")}</tr>`);
  const titles = head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join("");
  return [
    `<div class="scroll" tabindex="0" role="group" aria-label="${escapeHtml(label)}"><table>`,
    `<thead><tr>${titles}</tr></thead><tbody>${lines.join("")}</tbody></table></div>`,
  ].join("");
}

function cellText(text: string): string {
  return escapeHtml(clipped(oneLine(text)));
}
