/**
 * One report out of those of several shards.
 *
 * Shards have different tests, else they are no shards: a test that stands in two of them is refused, because
 * whichever outcome were taken, the totals would lie about the other. Reports come from files, so what is
 * wrong is said of a file by name.
 */
import { REPORT_SCHEMA, REPORT_VERSION } from "./json.ts";
import type { CaseReport, RunReport, Totals, Verdict, WorkerReport } from "./model.ts";

export interface NamedReport {
  /** As the person called it, for refusals. */
  name: string;
  report: RunReport;
}

export type ReportRefusal = {
  code: "report_unreadable" | "report_version" | "report_conflict";
  message: string;
  details: { files: string[]; tests?: string[] };
};

export type Merged = { ok: true; report: RunReport } | { ok: false; error: ReportRefusal };
export type ReadReport = { ok: true; report: RunReport } | { ok: false; error: ReportRefusal };

/** What `toJson` wrote, checked as far as this program relies on it. */
export function readReport(name: string, text: string): ReadReport {
  const unreadable = (why: string): ReadReport => ({
    ok: false,
    error: { code: "report_unreadable", message: `${name} is no report: ${why}`, details: { files: [name] } },
  });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return unreadable(cause instanceof Error ? cause.message : "not JSON");
  }
  if (!isObject(value)) return unreadable("not an object");
  if (value["$schema"] !== REPORT_SCHEMA) return unreadable(`its $schema is not ${REPORT_SCHEMA}`);
  if (value["version"] !== REPORT_VERSION) {
    const message = `${name} has version ${String(value["version"])}, this program reads ${REPORT_VERSION}`;
    return { ok: false, error: { code: "report_version", message, details: { files: [name] } } };
  }
  const missing = PARTS.filter(([key, holds]) => !holds(value[key])).map(([key]) => key);
  if (missing.length > 0) return unreadable(`it lacks ${missing.join(", ")}`);
  const { $schema: _schema, version: _version, ...report } = value;
  return { ok: true, report: report as unknown as RunReport };
}

const PARTS: readonly [string, (value: unknown) => boolean][] = [
  ["run", isObject],
  ["verdict", isObject],
  ["totals", isObject],
  ["environment", isObject],
  ["hardware", Array.isArray],
  ["workers", Array.isArray],
  ["tasks", Array.isArray],
  ["cases", Array.isArray],
  ["merged_from", Array.isArray],
  ["started_at", Number.isFinite],
  ["ended_at", Number.isFinite],
  ["duration_ms", Number.isFinite],
];

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function mergeReports(shards: readonly NamedReport[]): Merged {
  const conflict = conflictIn(shards);
  if (conflict !== null) return { ok: false, error: conflict };
  const reports = shards.map(({ report }) => report);
  const started_at = Math.min(...reports.map((it) => it.started_at));
  const ended_at = Math.max(...reports.map((it) => it.ended_at));
  const totals = sumOf(reports);
  const hardware = new Map(reports.flatMap((it) => it.hardware).map((it) => [it.hw_class, it]));
  const report: RunReport = {
    run: reports[0]?.run ?? { run_id: "", name: "", project: "", url: null },
    started_at,
    ended_at,
    duration_ms: ended_at - started_at,
    verdict: worstOf(reports, totals),
    totals,
    environment: commonEnvironment(reports),
    merged_from: reports.flatMap((it) => (it.merged_from.length > 0 ? it.merged_from : [it.run.run_id])),
    hardware: [...hardware.values()],
    workers: workersOf(reports),
    previous: null,
    tasks: reports.flatMap((it) => it.tasks),
    cases: reports.flatMap((it) => it.cases),
  };
  return { ok: true, report };
}

const NAMED = 5;

function conflictIn(shards: readonly NamedReport[]): ReportRefusal | null {
  const seen = new Map<string, { file: string; it: CaseReport }>();
  const doubled: { files: string[]; text: string }[] = [];
  for (const { name, report } of shards) {
    const inThis = new Map<string, CaseReport>();
    for (const it of report.cases) if (it.test_id !== null) inThis.set(it.test_id, it);
    for (const [id, it] of inThis) {
      const other = seen.get(id);
      if (other === undefined) seen.set(id, { file: name, it });
      else doubled.push({ files: [other.file, name], text: conflictText(it, other.it) });
    }
  }
  return projectConflict(shards) ?? (doubled.length === 0 ? null : doubleRefusal(doubled));
}

function projectConflict(shards: readonly NamedReport[]): ReportRefusal | null {
  const projects = new Set(shards.map(({ report }) => report.run.project));
  if (projects.size <= 1) return null;
  const files = shards.map(({ name }) => name);
  const message = `the reports are of different projects: ${[...projects].join(", ")}`;
  return { code: "report_conflict", message, details: { files } };
}

function conflictText(now: CaseReport, before: CaseReport): string {
  const how =
    now.outcome === before.outcome ? `${now.outcome} in both` : `${before.outcome}, then ${now.outcome}`;
  return `${now.file} > ${now.name} (${how})`;
}

function doubleRefusal(doubled: readonly { files: string[]; text: string }[]): ReportRefusal {
  const files = [...new Set(doubled.flatMap((each) => each.files))];
  const tests = doubled.slice(0, NAMED).map(({ text }) => text);
  const more = doubled.length > NAMED ? ` and ${doubled.length - NAMED} more` : "";
  const what = doubled.length === 1 ? "1 test stands" : `${doubled.length} tests stand`;
  const message = `${what} in more than one of ${files.join(", ")}: ${tests.join("; ")}${more}`;
  return { code: "report_conflict", message, details: { files, tests } };
}

const NO_TOTALS: Totals = {
  tasks: 0,
  cases: 0,
  passed: 0,
  failed: 0,
  error: 0,
  skipped: 0,
  flaky: 0,
  reused: 0,
};

function sumOf(reports: readonly RunReport[]): Totals {
  const totals = { ...NO_TOTALS };
  for (const name of Object.keys(totals) as (keyof Totals)[])
    for (const { totals: each } of reports) totals[name] += each[name];
  return totals;
}

const WORST_FIRST: readonly Verdict["exit_code"][] = [3, 7, 1, 0];

/** A shard that had nothing to run is no failure beside others that had. */
function worstOf(reports: readonly RunReport[], totals: Totals): Verdict {
  const counted = reports.filter((it) => it.totals.cases > 0 || it.totals.tasks > 0);
  const verdicts = (counted.length > 0 ? counted : reports).map((it) => it.verdict);
  const worst = WORST_FIRST.map((code) => verdicts.find((it) => it.exit_code === code)).find(
    (it) => it !== undefined,
  );
  if (worst === undefined) return { result: "nothing_ran", exit_code: 7, why: "no test was found" };
  const bad = totals.failed + totals.error;
  if (worst.exit_code === 1 && bad > 0) return { ...worst, why: `${bad} of ${totals.cases} cases failed` };
  return worst.exit_code === 0 ? { ...worst, why: `${totals.cases} cases passed or skipped` } : worst;
}

/** What differs between shards is said of each. */
function commonEnvironment(reports: readonly RunReport[]): Record<string, string> {
  const values = new Map<string, Set<string>>();
  for (const { environment } of reports)
    for (const [name, value] of Object.entries(environment))
      values.set(name, (values.get(name) ?? new Set()).add(value));
  return Object.fromEntries([...values].map(([name, all]) => [name, [...all].join(" | ")]));
}

function workersOf(reports: readonly RunReport[]): WorkerReport[] {
  const workers = new Map<string, WorkerReport>();
  for (const { worker_id, attempts, busy_ms } of reports.flatMap((it) => it.workers)) {
    const known = workers.get(worker_id) ?? { worker_id, attempts: 0, busy_ms: 0 };
    workers.set(worker_id, {
      worker_id,
      attempts: known.attempts + attempts,
      busy_ms: known.busy_ms + busy_ms,
    });
  }
  return [...workers.values()].sort((a, b) => (a.worker_id < b.worker_id ? -1 : 1));
}
