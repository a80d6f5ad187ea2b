/**
 * The report as one HTML file that opens from a disk, without a network, for years.
 *
 * The head of the page (verdict, charts, comparison, machines) is plain HTML that needs no script. The cases
 * come as data and are shown by a small script of our own, a hundred at a time: so a run of a hundred
 * thousand stays quick. Its policy allows exactly that one script and that one style sheet, by their hashes,
 * and no request at all: even a name that found a hole in the escaping could not reach anything.
 */
import type { RunReport } from "../model.ts";
import { isoTime } from "../junit.ts";
import { oneLine } from "../text.ts";
import { pageData } from "./encode.ts";
import { escapeHtml, jsonForScript } from "./escape.ts";
import { headSections } from "./head.ts";
import { chartSections, machineSections } from "./sections.ts";

export interface HtmlParts {
  /** The page's own script and style sheet. */
  script: string;
  style: string;
  /** Base64 of the SHA-256 of a text. */
  sha256: (text: string) => string;
}

export function toHtml(report: RunReport, { script, style, sha256 }: HtmlParts): string {
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${sha256(script)}'`,
    `style-src 'sha256-${sha256(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const title = `${oneLine(report.run.name)}: ${report.verdict.result.replace("_", " ")}`;
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(title.slice(0, 300))}</title>`,
    `<style>${style}</style>`,
    "</head>",
    "<body>",
    '<a class="skip" href="#cases">To the cases</a>',
    ...headSections(report),
    "<main>",
    CASES,
    ...chartSections(report),
    ...machineSections(report),
    "</main>",
    `<footer>Testyard report, ${isoTime(report.ended_at)}. The whole of it as data: report.json.</footer>`,
    `<script type="application/json" id="data">${jsonForScript(pageData(report))}</script>`,
    `<script>${script}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** Empty until the script fills it in. */
const CASES = `<section id="cases" aria-labelledby="cases-title">
<h2 id="cases-title">Cases</h2>
<noscript><p>The list of cases needs the script of this page; report.md does without.</p></noscript>
<div class="search" role="search">
<label for="q">Search</label>
<input id="q" type="search" autocomplete="off" spellcheck="false"
  placeholder="text  s:failed  f:path  w:worker  -not">
<label for="sort">Order</label>
<select id="sort">
<option value="">as they ran</option>
<option value="time">slowest first</option>
<option value="name">by name</option>
</select>
<p id="matches" role="status"></p>
</div>
<details class="help"><summary>How to search</summary>
<p>All words must match. <code>s:failed</code>, <code>s:passed</code>, <code>s:skipped</code>,
<code>s:flaky</code>, <code>s:reused</code> take an outcome, <code>f:path</code> a file, <code>w:name</code>
a worker, <code>k:name</code> a framework; <code>-</code> before a word takes what does not match,
<code>"two words"</code> keep together. The search stands in the address of this page. <kbd>/</kbd> goes to
the search, <kbd>j</kbd> and <kbd>k</kbd> go from case to case.</p>
</details>
<div id="failures"></div>
<div id="others"></div>
</section>`;
