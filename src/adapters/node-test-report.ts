/**
 * From the runner's events to cases, counted as the runner counts them: tests with subtests are tests of
 * their own, suites are not, and a file without tests (or one that broke) is one.
 *
 * Events tell where a test was *written*, which may be a helper module shared by several test files. The
 * runner reports file after file, and each file numbers its top level from 1 (only the "complete" events
 * keep these numbers, the final ones are counted through); from both follows whose test it is.
 */
import type { CaseResult, SuiteProblem } from "./adapter.ts";
import { FILE_CASE, GROUP_CASE } from "./adapter.ts";
import { caseResult, relativePosix } from "./bounds.ts";
import type { JsonRecord } from "./json-lines.ts";
import { numeric, text } from "./json-lines.ts";

export interface NodeTestReport {
  cases: CaseResult[];
  problems: SuiteProblem[];
  finished: boolean;
}

interface Node {
  record: JsonRecord;
  children: Node[];
}

interface Folding {
  root: string;
  files: string[];
  /** Index into `files` of the file being reported. */
  at: number;
  /** Ended tests that wait for their parent, by nesting. */
  waiting: Node[][];
  output: Map<string, string>;
  running: Map<string, string[]>;
  done: Set<string>;
  /** Numbers within their file of completed top-level tests, by place and name, in order. */
  numbers: Map<string, number[]>;
  report: NodeTestReport;
}

export function foldNodeTest(
  records: readonly JsonRecord[],
  options: { root: string; why: string },
): NodeTestReport {
  const folding: Folding = {
    root: options.root,
    files: [],
    at: -1,
    waiting: [],
    output: new Map(),
    running: new Map(),
    done: new Set(),
    numbers: new Map(),
    report: { cases: [], problems: [], finished: false },
  };
  for (const each of records) foldRecord(folding, each);
  if (!folding.report.finished) nameUnfinished(folding, options.why);
  return folding.report;
}

function foldRecord(folding: Folding, each: JsonRecord): void {
  const file = text(each["file"]);
  switch (each["kind"]) {
    case "file":
      folding.files.push(file);
      return;
    case "file_done":
      folding.done.add(file);
      return;
    case "begin":
      push(folding.running, file, text(each["name"]));
      return;
    case "done":
      forget(folding.running.get(file) ?? [], text(each["name"]));
      if (each["nesting"] === 0) push(folding.numbers, placeOf(each), numeric(each["number"]));
      return;
    case "output":
      addOutput(folding.output, text(each["stream"]) + file, text(each["text"]));
      return;
    case "case":
      foldCase(folding, each);
      return;
    case "finish":
      folding.report.finished = true;
      return;
    default:
  }
}

function addOutput(output: Map<string, string>, key: string, more: string): void {
  output.set(key, (output.get(key) ?? "") + more);
}

function placeOf(each: JsonRecord): string {
  return `${text(each["file"])}\n${text(each["name"])}`;
}

function push<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const values = lists.get(key) ?? [];
  values.push(value);
  lists.set(key, values);
}

function forget(names: string[], name: string): void {
  const at = names.indexOf(name);
  if (at >= 0) names.splice(at, 1);
}

const NESTING_LIMIT = 200;

function foldCase(folding: Folding, each: JsonRecord): void {
  const nesting = Math.min(NESTING_LIMIT, Math.max(0, Math.trunc(numeric(each["nesting"]))));
  const node: Node = { record: each, children: folding.waiting[nesting + 1] ?? [] };
  folding.waiting[nesting + 1] = [];
  if (nesting > 0) {
    const siblings = folding.waiting[nesting] ?? [];
    siblings.push(node);
    folding.waiting[nesting] = siblings;
    return;
  }
  const file = ownFile(folding, each);
  flatten(folding, node, { file, path: [] });
}

function ownFile(folding: Folding, each: JsonRecord): string {
  const written = folding.files.indexOf(text(each["file"]));
  const number = folding.numbers.get(placeOf(each))?.shift();
  if (written >= 0) folding.at = written;
  else if (number === 1 && folding.at + 1 < folding.files.length) folding.at += 1;
  return relativePosix(folding.root, folding.files[folding.at] ?? text(each["file"]));
}

function flatten(folding: Folding, node: Node, place: { file: string; path: string[] }): void {
  if (node.record["whole_file"] === true) return wholeFile(folding, node.record, place.file);
  const path = [...place.path, text(node.record["name"])];
  for (const child of node.children) flatten(folding, child, { file: place.file, path });
  const made = oneCase(node.record, { file: place.file, name: path.join(" > ") });
  if (made !== null) folding.report.cases.push(made);
}

function oneCase(each: JsonRecord, id: { file: string; name: string }): CaseResult | null {
  const failed = each["outcome"] === "failed";
  const failure = text(each["failure"]);
  const suite = each["suite"] === true;
  // A suite is no case, unless something of its own broke: a hook, or its body.
  if (suite && (!failed || failure === "subtestsFailed")) return null;
  const aside = asideReason(each);
  if (aside === NOT_CHOSEN) return null;
  const cancelled = failure === "cancelledByParent" || failure === "parentAlreadyFinished";
  const bad = suite || cancelled ? "error" : "failed";
  return caseResult({
    file: id.file,
    name: suite ? `${id.name} > ${GROUP_CASE}` : id.name,
    outcome: aside !== null ? "skipped" : failed ? bad : "passed",
    durationMs: numeric(each["duration_ms"]),
    message: failed ? text(each["message"]) : (aside ?? ""),
    detail: failed ? text(each["detail"]) : "",
    expectedFailure: failed && aside !== null,
  });
}

/** What Node up to 22 says of a test that `--test-name-pattern` leaves out. */
const NOT_CHOSEN = "SKIP: test name does not match pattern";

/** Skipped and todo tests are not counted as passed or failed, however they end. */
function asideReason(each: JsonRecord): string | null {
  for (const [key, word] of [
    ["skip", "SKIP"],
    ["todo", "TODO"],
  ] as const) {
    const reason = each[key];
    if (typeof reason === "string") return reason === "true" || reason === "" ? word : `${word}: ${reason}`;
  }
  return null;
}

function wholeFile(folding: Folding, each: JsonRecord, file: string): void {
  const output = {
    stdout: folding.output.get(`stdout${text(each["file"])}`),
    stderr: folding.output.get(`stderr${text(each["file"])}`),
  };
  const durationMs = numeric(each["duration_ms"]);
  if (each["outcome"] !== "failed") {
    folding.report.cases.push(
      caseResult({ file, name: FILE_CASE, outcome: "passed", durationMs, ...output }),
    );
    return;
  }
  const message = fileMessage(each, output.stderr ?? "");
  const detail = output.stderr ?? text(each["detail"]);
  folding.report.cases.push(
    caseResult({
      file,
      name: FILE_CASE,
      outcome: "error",
      durationMs,
      message,
      detail,
      stdout: output.stdout,
    }),
  );
  folding.report.problems.push({ file, message });
}

function fileMessage(each: JsonRecord, stderr: string): string {
  const signal = text(each["exit_signal"]);
  const how = signal ? `ended by ${signal}` : `exited with ${numeric(each["exit_code"])}`;
  const error = stderr.split("\n").find((line) => /^\w*(?:Error|Exception)\b.*:/.test(line));
  return error === undefined ? `the file ${how}` : `the file ${how}: ${error.trim()}`;
}

/** The runner itself ended early: every file that was not done has to say so. */
function nameUnfinished(folding: Folding, why: string): void {
  for (const file of folding.files) {
    const own = relativePosix(folding.root, file);
    const reported = folding.report.cases.some((each) => each.file === own);
    if (folding.done.has(file) && reported) continue;
    const running = folding.running.get(file) ?? [];
    const names = running.length > 0 ? ` while running ${running.slice(0, 5).join(", ")}` : "";
    const held = folding.done.has(file) ? " before the runner reported this file" : names;
    const message = `${why}${held}`;
    folding.report.cases.push(caseResult({ file: own, name: FILE_CASE, outcome: "error", message }));
    folding.report.problems.push({ file: own, message });
  }
}
