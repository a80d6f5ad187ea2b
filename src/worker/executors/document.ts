/**
 * What an attempt found out, as one document: every case with the identity that it keeps on every worker and
 * in every run. Beyond the number of cases that a document may hold, the counts stay right and the cases end.
 */
import { createHash } from "node:crypto";
import { posix, resolve, sep } from "node:path";
import type { CaseCounts } from "../../core/index.ts";
import type { CaseResult, SuiteResult } from "../../adapters/index.ts";
import type { Artifact, ReportedCase, ResultDocument } from "../../protocol/index.ts";

const MAX_CASES = 100_000;
const FILE_CHARS = 1024;

export interface SuitePlace {
  project: string;
  framework: string;
  /** Of the suite within the workspace, POSIX; "." is the workspace itself. */
  suite: string;
  /** Where the suite lay on this worker, absolute. */
  root: string;
  /** The combination of a matrix: the same case under another one is another case. "" for none. */
  variant: string;
}

/** @param result null: a plain command, which has no cases */
export function documentOf(
  result: SuiteResult | null,
  place: SuitePlace,
  artifacts: Artifact[],
): ResultDocument {
  const cases = (result?.cases ?? []).slice(0, MAX_CASES).map((each) => reported(each, place));
  const kept = artifacts.length > 0 ? { artifacts } : {};
  return { format: 1, framework: place.framework, cases, metrics: [], ...kept };
}

export function hashOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function reported(each: CaseResult, place: SuitePlace): ReportedCase {
  const file = pathInWorkspace(each.file, place.suite).slice(0, FILE_CHARS);
  const { message, detail } = each;
  const parameters = [each.parameters, place.variant].filter((part) => part !== undefined && part !== "");
  const full = { ...each, file, ...(parameters.length > 0 && { parameters: parameters.join("; ") }) };
  return {
    ...full,
    test_id: testId(full, place),
    ...(message !== undefined && { message: withoutFolder(message, place) }),
    ...(detail !== undefined && { detail: withoutFolder(detail, place) }),
  };
}

/** Paths as their owner knows them: where a worker keeps its copy helps nobody, and is another on each. */
function withoutFolder(text: string, { root, suite }: SuitePlace): string {
  if (posix.isAbsolute(suite)) return text;
  const top = resolve(root, posix.relative(suite, "."));
  return text.replaceAll(`file://${top}/`, "").replaceAll(`${top}${sep}`, "");
}

/** SHA-256 of (project, framework, file, name, parameters); never of worker, run or time. */
function testId(each: Pick<CaseResult, "file" | "name" | "parameters">, place: SuitePlace): string {
  const facts = [place.project, place.framework, each.file, each.name, each.parameters ?? ""];
  return hashOf(JSON.stringify(facts));
}

/** An absolute suite is on this machine only, and no part of an identity. */
function pathInWorkspace(file: string, suite: string): string {
  if (file === "" || posix.isAbsolute(suite)) return file;
  return posix.join(suite, file);
}

export function countsOf(result: SuiteResult): CaseCounts {
  const counts: CaseCounts = { passed: 0, failed: 0, skipped: 0, error: 0 };
  for (const each of result.cases) counts[each.outcome] += 1;
  return counts;
}
