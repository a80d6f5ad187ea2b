/** How long cases took, in steps that grow by about three: most are quick, and the few slow ones matter. */
import type { CaseReport } from "../model.ts";
import { shortTime } from "../text.ts";

export interface Bin {
  title: string;
  count: number;
}

const EDGES_MS = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000];

/** Without the empty ones at both ends. */
export function durationBins(cases: readonly CaseReport[]): Bin[] {
  const counts = Array.from({ length: EDGES_MS.length + 1 }, () => 0);
  for (const it of cases) {
    if (it.outcome === "skipped" || it.reused_from !== null) continue;
    const at = EDGES_MS.findIndex((edge) => it.duration_ms < edge);
    const bin = at < 0 ? EDGES_MS.length : at;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const first = counts.findIndex((count) => count > 0);
  const last = counts.findLastIndex((count) => count > 0);
  if (first < 0) return [];
  return counts.slice(first, last + 1).map((count, i) => ({ title: titleOf(first + i), count }));
}

function titleOf(bin: number): string {
  const edge = EDGES_MS[bin];
  if (edge === undefined) return `≥ ${shortTime(EDGES_MS.at(-1) ?? 0)}`;
  return bin === 0 ? `< ${shortTime(edge)}` : `${shortTime(EDGES_MS[bin - 1] ?? 0)} – ${shortTime(edge)}`;
}
