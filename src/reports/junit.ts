/**
 * JUnit XML, the one format that every CI reads. Written by hand: the XML libraries at hand let control
 * characters through, and one ESC in a test's output makes Jenkins and GitLab refuse the whole file.
 *
 * One suite per test file, so that names stay the same however a run was split. A case stands once; that it
 * needed another try is a property, since readers count every `failure` they see.
 */
import type { CaseReport, RunReport } from "./model.ts";
import { cleanText, oneLine } from "./text.ts";

export function toJunit(report: RunReport): string {
  const suites = groupByFile(report.cases);
  const head = {
    name: report.run.name,
    ...countsOf(report.cases),
    time: seconds(report.duration_ms),
    timestamp: isoTime(report.started_at),
  };
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes(head)}>`,
    ...[...suites].flatMap(([name, cases]) => suiteLines(name, cases, report)),
    "</testsuites>",
  ];
  return `${lines.join("\n")}\n`;
}

function groupByFile(cases: readonly CaseReport[]): Map<string, CaseReport[]> {
  const suites = new Map<string, CaseReport[]>();
  for (const it of cases) {
    const name = `${it.framework ?? "command"} ${it.file || it.suite}`;
    const list = suites.get(name);
    if (list === undefined) suites.set(name, [it]);
    else list.push(it);
  }
  return suites;
}

function suiteLines(name: string, cases: readonly CaseReport[], report: RunReport): string[] {
  const timeMs = cases.reduce((sum, it) => sum + it.duration_ms, 0);
  const head = { name, ...countsOf(cases), time: seconds(timeMs), timestamp: isoTime(report.started_at) };
  return [`  <testsuite${attributes(head)}>`, ...cases.flatMap(caseLines), "  </testsuite>"];
}

function countsOf(cases: readonly CaseReport[]): Record<string, string> {
  const counts = { passed: 0, failed: 0, error: 0, skipped: 0 };
  for (const { outcome } of cases) counts[outcome] += 1;
  return {
    tests: String(cases.length),
    failures: String(counts.failed),
    errors: String(counts.error),
    skipped: String(counts.skipped),
  };
}

function caseLines(it: CaseReport): string[] {
  const path = it.file;
  const head = {
    name: oneLine(it.name),
    classname: classOf(path) || (it.framework ?? "command"),
    ...(path !== "" && { file: path }),
    time: seconds(it.duration_ms),
  };
  const inner = [...properties(it), ...outcomeLines(it), ...output(it)];
  if (inner.length === 0) return [`    <testcase${attributes(head)}/>`];
  return [`    <testcase${attributes(head)}>`, ...inner, "    </testcase>"];
}

function classOf(path: string): string {
  return path.replace(/\.[^./]+$/, "").replaceAll("/", ".");
}

function properties(it: CaseReport): string[] {
  const list = [
    ...(it.flaky ? [["flaky", "true"]] : []),
    ...(it.expected_failure ? [["expected_failure", "true"]] : []),
    ...(it.reused_from === null ? [] : [["reused_from_run", it.reused_from.run_id]]),
    ...(it.attempt > 1 ? [["attempt", String(it.attempt)]] : []),
    ...(it.worker_id === null ? [] : [["worker", it.worker_id]]),
  ];
  if (list.length === 0) return [];
  const inner = list.map(([name = "", value = ""]) => `        <property${attributes({ name, value })}/>`);
  return ["      <properties>", ...inner, "      </properties>"];
}

function outcomeLines(it: CaseReport): string[] {
  const message = it.message === null ? {} : { message: it.message };
  switch (it.outcome) {
    case "passed":
      return [];
    case "skipped":
      return [`      <skipped${attributes(message)}/>`];
    case "failed":
    case "error": {
      const tag = it.outcome === "failed" ? "failure" : "error";
      const body = escaped(it.detail ?? it.message ?? "");
      return [`      <${tag}${attributes({ ...message, type: it.outcome })}>${body}</${tag}>`];
    }
  }
}

function output(it: CaseReport): string[] {
  return [
    ...(it.stdout ? [`      <system-out>${escaped(it.stdout)}</system-out>`] : []),
    ...(it.stderr ? [`      <system-err>${escaped(it.stderr)}</system-err>`] : []),
  ];
}

function attributes(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(value).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;")}"`)
    .join("");
}

/** `>` as well: `]]>` may not stand in text. */
function escaped(text: string): string {
  const clean = cleanText(text);
  if (!/[&<>"]/.test(clean)) return clean;
  return clean
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/**
 * `Date` is not for pure code; the calendar of days since 1970 is a sum (Hinnant, days_from_civil
 * inverted).
 */
export function isoTime(ms: number): string {
  const days = Math.floor(ms / 86_400_000);
  const rest = Math.floor((ms - days * 86_400_000) / 1000);
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor(
    (doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365,
  );
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${time}Z`;
}
