/** Failures by their cause: a broken thing that fails a hundred tests is one thing to look at. */
import { isFailure } from "./cases.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { CaseReport, RunReport } from "./model.ts";
import { oneLine } from "./text.ts";

export interface FailureGroup {
  fingerprint: string;
  /** Of its first failure, on one line. */
  title: string;
  cases: CaseReport[];
}

/** The largest first; among equals the one that comes first in the report. */
export function failureGroups({ cases }: Pick<RunReport, "cases">): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const it of cases) {
    if (!isFailure(it.outcome)) continue;
    const fingerprint = it.fingerprint ?? fingerprintOf(it);
    const group = groups.get(fingerprint);
    if (group === undefined) groups.set(fingerprint, { fingerprint, title: titleOf(it), cases: [it] });
    else group.cases.push(it);
  }
  return [...groups.values()].sort((a, b) => b.cases.length - a.cases.length);
}

function titleOf({ message, detail }: CaseReport): string {
  const line = oneLine((message ?? detail ?? "").split("\n").find((each) => oneLine(each) !== "") ?? "");
  return line === "" ? "failed without a message" : line;
}
