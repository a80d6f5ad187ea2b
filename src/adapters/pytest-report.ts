/**
 * From the lines our plugin wrote to cases.
 *
 * pytest reports a test in three phases. They are folded per node id into one case: the worst phase
 * decides. What was collected and never reported is named too when the process died, because a case
 * that silently disappears is the one failure nobody would notice.
 */
import type { CaseResult, SuiteProblem } from "./adapter.ts";
import { FILE_CASE } from "./adapter.ts";
import { caseResult, firstLines } from "./bounds.ts";
import type { JsonRecord } from "./json-lines.ts";
import { list, numeric, record, text } from "./json-lines.ts";

export interface PytestReport {
  cases: CaseResult[];
  problems: SuiteProblem[];
  /** Exit status pytest itself announced; null: it never came to its end. */
  status: number | null;
  /** Traceback of an error inside pytest or a plugin. */
  internal: string | null;
  collected: { file: string; name: string }[];
  /** In the order in which they were collected; only of a listing. */
  files: Set<string>;
}

interface OpenCase {
  file: string;
  name: string;
  durationMs: number;
  retries: number;
  phases: JsonRecord[];
  /** The last try ended in a repeat by a plugin. */
  repeated: boolean;
}

interface Folding extends PytestReport {
  open: Map<string, OpenCase>;
  seen: Set<string>;
}

export function foldPytest(records: readonly JsonRecord[], why: string): PytestReport {
  const folding: Folding = {
    cases: [],
    problems: [],
    status: null,
    internal: null,
    collected: [],
    files: new Set(),
    open: new Map(),
    seen: new Set(),
  };
  for (const each of records) foldRecord(folding, each);
  closeOpen(folding, why);
  return folding;
}

function foldRecord(folding: Folding, each: JsonRecord): void {
  switch (each["kind"]) {
    case "items":
      for (const item of list(each["items"])) folding.collected.push(nameOf(list(item)));
      return;
    case "collect":
      return foldCollect(folding, each);
    case "begin":
      begin(folding, each);
      return;
    case "file":
      folding.files.add(text(each["file"]));
      return;
    case "passed":
      return foldPassed(folding, each);
    case "report":
      return text(each["subtest"]) ? foldSubtest(folding, each) : foldPhase(folding, each);
    case "internal":
      folding.internal ??= text(each["detail"]);
      return;
    case "finish":
      folding.status = numeric(each["status"]);
      return;
    default:
  }
}

function nameOf(pair: readonly unknown[]): { file: string; name: string } {
  return { file: text(pair[0]), name: text(pair[1]) };
}

function keyOf(each: { file: string; name: string }): string {
  return `${each.file}::${each.name}`;
}

function foldCollect(folding: Folding, each: JsonRecord): void {
  const file = text(each["file"]);
  const detail = text(each["detail"]);
  const message = text(each["message"]) || lastLine(detail);
  const name = text(each["name"]) || FILE_CASE;
  if (each["outcome"] === "skipped") {
    folding.cases.push(caseResult({ file, name, outcome: "skipped", message }));
    return;
  }
  folding.cases.push(caseResult({ file, name, outcome: "error", message, detail }));
  folding.problems.push({ file, message: firstLines(message) });
}

/** A traceback ends with what went wrong; pytest marks such lines with an E. */
function lastLine(detail: string): string {
  return (detail.trim().split("\n").at(-1) ?? "").replace(/^E\s+/, "");
}

function begin(folding: Folding, each: JsonRecord): OpenCase {
  const id = { file: text(each["file"]), name: text(each["name"]) };
  const before = folding.open.get(keyOf(id));
  const opened = before ?? { ...id, durationMs: 0, retries: 0, phases: [], repeated: false };
  folding.open.set(keyOf(id), opened);
  return opened;
}

function foldPhase(folding: Folding, each: JsonRecord): void {
  const open = begin(folding, each);
  open.durationMs += numeric(each["duration_s"]) * 1000;
  if (each["outcome"] === "rerun") {
    open.retries += 1;
    open.phases = [];
    open.repeated = true;
    return;
  }
  open.repeated = false;
  open.phases.push(each);
  const when = text(each["when"]);
  // "???" is how xdist reports the case that its worker died in: nothing will follow.
  if (when === "teardown" || !["setup", "call"].includes(when)) close(folding, open);
}

/** All three phases in one line. */
function foldPassed(folding: Folding, each: JsonRecord): void {
  const open = begin(folding, each);
  open.durationMs += numeric(each["duration_s"]) * 1000;
  open.phases = [{ when: "call", outcome: "passed" }];
  close(folding, open);
}

function close(folding: Folding, open: OpenCase): void {
  folding.open.delete(keyOf(open));
  folding.seen.add(keyOf(open));
  folding.cases.push(finished(open));
}

function finished(open: OpenCase): CaseResult {
  const worst = worstPhase(open.phases);
  const when = text(worst?.["when"]);
  const outcome = outcomeOf(worst);
  const xfail = typeof worst?.["wasxfail"] === "string" ? text(worst["wasxfail"]) : null;
  const bad = open.phases.filter((phase) => phase["outcome"] === "failed");
  const detail = bad.map((phase) => indented(text(phase["detail"]))).join("\n");
  const message = text(worst?.["message"]) || lastLine(detail);
  const bracket = open.name.indexOf("[");
  return caseResult({
    file: open.file,
    name: open.name,
    parameters: bracket > 0 && open.name.endsWith("]") ? open.name.slice(bracket + 1, -1) : undefined,
    outcome,
    durationMs: open.durationMs,
    message: xfail === null ? prefixed(when, { outcome, message }) : xfailMessage(outcome, xfail),
    detail,
    ...captured(open.phases),
    retries: outcome === "passed" ? open.retries : undefined,
    expectedFailure: outcome === "skipped" && xfail !== null,
  });
}

/** pytest strips a traceback; where it begins with code, that line has lost its indentation. */
function indented(detail: string): string {
  return /^(?:@|def |async def |\?\?\?)/.test(detail) ? `    ${detail}` : detail;
}

function worstPhase(phases: readonly JsonRecord[]): JsonRecord | undefined {
  const call = phases.find((phase) => phase["when"] !== "setup" && phase["when"] !== "teardown");
  const failed = phases.filter((phase) => phase["outcome"] === "failed");
  return failed.find((phase) => phase === call) ?? failed[0] ?? phases.find(isSkip) ?? call ?? phases[0];
}

function isSkip(phase: JsonRecord): boolean {
  return phase["outcome"] === "skipped" || typeof phase["wasxfail"] === "string";
}

function outcomeOf(phase: JsonRecord | undefined): CaseResult["outcome"] {
  if (phase?.["outcome"] === "passed") return "passed";
  if (phase?.["outcome"] === "skipped") return "skipped";
  return phase?.["when"] === "setup" || phase?.["when"] === "teardown" ? "error" : "failed";
}

function prefixed(when: string, failure: { outcome: CaseResult["outcome"]; message: string }): string {
  return failure.outcome === "error" ? `${when}: ${failure.message}` : failure.message;
}

function xfailMessage(outcome: CaseResult["outcome"], reason: string): string {
  const title = outcome === "passed" ? "XPASS" : "XFAIL";
  return reason ? `${title}: ${reason}` : title;
}

/** The last phase carries everything captured so far. */
function captured(phases: readonly JsonRecord[]): { stdout?: string; stderr?: string } {
  const sections = list(phases.findLast((phase) => Array.isArray(phase["sections"]))?.["sections"]);
  const streams = { stdout: "", stderr: "" };
  for (const section of sections) {
    const [title, content] = [text(list(section)[0]), text(list(section)[1])];
    if (title.startsWith("Captured stdout")) streams.stdout += content;
    else if (title.startsWith("Captured stderr")) streams.stderr += content;
  }
  return streams;
}

/** pytest counts failed and skipped subtests beside their test, and does not count passed ones. */
function foldSubtest(folding: Folding, each: JsonRecord): void {
  if (each["outcome"] === "passed") return;
  const one: OpenCase = {
    file: text(each["file"]),
    name: `${text(each["name"])} ${text(each["subtest"])}`,
    durationMs: numeric(each["duration_s"]) * 1000,
    retries: 0,
    phases: [each],
    repeated: false,
  };
  folding.cases.push({ ...finished(one) });
}

function closeOpen(folding: Folding, why: string): void {
  for (const open of folding.open.values()) {
    folding.seen.add(keyOf(open));
    if (open.phases.length > 0 && folding.status !== null) folding.cases.push(finished(open));
    else folding.cases.push(cutOff(open, why));
  }
  if (folding.status !== null) return;
  for (const item of folding.collected) {
    if (folding.seen.has(keyOf(item))) continue;
    folding.cases.push(caseResult({ ...item, outcome: "error", message: `not run: ${why}` }));
  }
}

function cutOff(open: OpenCase, why: string): CaseResult {
  const message = open.repeated ? `${why} before it was repeated` : `${why} while this case was running`;
  return caseResult({ ...open, parameters: undefined, retries: undefined, outcome: "error", message });
}

export function isStart(records: readonly JsonRecord[]): boolean {
  return records.some((each) => record(each)?.["kind"] === "start");
}
