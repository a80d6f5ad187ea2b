/**
 * What changed since an earlier run: case by case, told apart by test id, or by place and name where there is
 * none. Durations are compared by a plain ratio of two single measurements, so "slower" is a hint where to
 * look and no verdict: both numbers stand beside each other, and small differences are left out.
 */
import { isFailure } from "./cases.ts";
import type { CaseReport, Change, ComparedCase, Comparison, RunReport } from "./model.ts";
import { CHANGES } from "./model.ts";

/** What of an earlier run a comparison needs. */
export type EarlierRun = Pick<RunReport, "run" | "started_at" | "duration_ms" | "environment" | "cases">;

const LISTED = 1_000;
const RATIO = 1.5;
const LEAST_MS = 100;

export function compareRuns(report: Pick<RunReport, "cases">, earlier: EarlierRun): Comparison {
  const before = keyed(earlier.cases);
  const now = keyed(report.cases);
  const found = Object.fromEntries(CHANGES.map((change) => [change, [] as ComparedCase[]]));
  const cases = found as Record<Change, ComparedCase[]>;
  for (const [key, it] of now) {
    const old = before.get(key) ?? null;
    const changes = changesOf(it, old);
    if (changes.length === 0) continue;
    const compared = comparedCase(it, { before: old, now: it });
    for (const change of changes) cases[change].push(compared);
  }
  for (const [key, old] of before) {
    if (!now.has(key)) cases.gone.push(comparedCase(old, { before: old, now: null }));
  }
  cases.slower.sort((a, b) => differenceMs(b) - differenceMs(a));
  cases.faster.sort((a, b) => differenceMs(a) - differenceMs(b));
  return {
    run: earlier.run,
    started_at: earlier.started_at,
    duration_ms: earlier.duration_ms,
    git_commit: earlier.environment["git_commit"] ?? null,
    counts: eachChange((change) => cases[change].length),
    cases: eachChange((change) => cases[change].slice(0, LISTED)),
  };
}

function eachChange<T>(make: (change: Change) => T): Record<Change, T> {
  return Object.fromEntries(CHANGES.map((change) => [change, make(change)])) as Record<Change, T>;
}

function changesOf(now: CaseReport, before: CaseReport | null): Change[] {
  const fails = isFailure(now.outcome);
  const failed = before !== null && isFailure(before.outcome);
  const changes: Change[] = [];
  if (before === null) changes.push("new");
  // A case that is new and fails is news of both kinds.
  if (fails) changes.push(failed ? "still_failing" : "newly_failing");
  if (failed && now.outcome === "passed") changes.push("fixed");
  if (now.flaky) changes.push("flaky");
  if (before?.outcome === "passed" && now.outcome === "passed") changes.push(...paceOf(now, before));
  return changes;
}

function paceOf(now: CaseReport, before: CaseReport): Change[] {
  // What was taken over has the duration of the run it comes from.
  if (now.reused_from !== null || Math.abs(now.duration_ms - before.duration_ms) < LEAST_MS) return [];
  if (now.duration_ms >= before.duration_ms * RATIO) return ["slower"];
  return before.duration_ms >= now.duration_ms * RATIO ? ["faster"] : [];
}

function differenceMs({ before_ms, now_ms }: ComparedCase): number {
  return (now_ms ?? 0) - (before_ms ?? 0);
}

/** Equal names are told apart by their order. */
function keyed(cases: readonly CaseReport[]): Map<string, CaseReport> {
  const found = new Map<string, CaseReport>();
  const repeats = new Map<string, number>();
  for (const it of cases) {
    const name = it.test_id ?? JSON.stringify([it.framework, it.suite, it.file, it.name]);
    const nth = found.has(name) ? (repeats.get(name) ?? 0) + 1 : 0;
    if (nth > 0) repeats.set(name, nth);
    found.set(nth === 0 ? name : `${name} ${nth}`, it);
  }
  return found;
}

function comparedCase(
  { test_id, framework, suite, file, name }: CaseReport,
  { before, now }: { before: CaseReport | null; now: CaseReport | null },
): ComparedCase {
  return {
    test_id,
    framework,
    suite,
    file,
    name,
    before: before?.outcome ?? null,
    now: now?.outcome ?? null,
    before_ms: before?.duration_ms ?? null,
    now_ms: now?.duration_ms ?? null,
  };
}
