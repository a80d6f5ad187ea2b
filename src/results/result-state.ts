/** States as the results know them: a task is open until its end is in the file. */
import type { EndState } from "../core/index.ts";
import type { SqlRow } from "./reader.ts";

export type ResultState = EndState | "open";

/** @param rows a state and its number `n` each */
export function toCounts(rows: readonly SqlRow[]): Record<ResultState, number> {
  const counts = { open: 0, completed: 0, failed: 0, timed_out: 0, cancelled: 0, skipped: 0 };
  for (const row of rows) counts[row["state"] as ResultState] += Number(row["n"]);
  return counts;
}
