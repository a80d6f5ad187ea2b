/**
 * From the lines of our vitest reporter to cases.
 *
 * vitest takes file arguments as parts of paths, so a run may include files nobody asked for; those are
 * left out here, or they would be counted in two tasks. What has no case of its own in vitest (a file that
 * does not load, a broken hook, an unhandled error) becomes one, because vitest fails the run for it.
 */
import type { CaseResult, SuiteProblem } from "./adapter.ts";
import { FILE_CASE, GROUP_CASE, RUN_CASE } from "./adapter.ts";
import { caseResult, firstLines, relativePosix } from "./bounds.ts";
import type { JsonRecord } from "./json-lines.ts";
import { list, numeric, record, text } from "./json-lines.ts";

export interface VitestReport {
  cases: CaseResult[];
  problems: SuiteProblem[];
  finished: boolean;
  bail: boolean;
  /** Files nobody asked for failed: they explain a failing exit. */
  strangersFailed: boolean;
  seen: Set<string>;
}

interface Folding {
  options: VitestFoldOptions;
  asked: Set<string>;
  running: Map<string, { file: string; name: string }>;
  open: Set<string>;
  report: VitestReport;
}

export interface VitestFoldOptions {
  /** Real path of the suite root. */
  root: string;
  files: readonly string[];
  why: string;
}

export function foldVitest(records: readonly JsonRecord[], options: VitestFoldOptions): VitestReport {
  const report: VitestReport = {
    cases: [],
    problems: [],
    finished: false,
    bail: false,
    strangersFailed: false,
    seen: new Set(),
  };
  const folding: Folding = {
    options,
    asked: new Set(options.files),
    running: new Map(),
    open: new Set(),
    report,
  };
  for (const each of records) foldRecord(folding, each);
  if (!report.finished) nameUnfinished(folding);
  return report;
}

function foldRecord(folding: Folding, each: JsonRecord): void {
  const file = relativePosix(folding.options.root, text(each["file"]));
  const mine = folding.asked.size === 0 || folding.asked.has(file);
  switch (each["kind"]) {
    case "start":
      folding.report.bail = numeric(each["bail"]) > 0;
      return;
    case "file":
      if (mine) folding.open.add(file);
      return;
    case "begin":
      if (mine) folding.running.set(text(each["id"]), { file, name: text(each["name"]) });
      return;
    case "case":
      folding.running.delete(text(each["id"]));
      add(folding, isAbandoned(each, folding.report) ? abandoned(each, file) : oneCase(each, file), { mine });
      return;
    case "suite_error":
      add(folding, suiteError(each, file), { mine });
      return;
    case "file_done":
      return fileDone(folding, each, { file, mine });
    case "finish":
      return finish(folding, each);
    default:
  }
}

function add(folding: Folding, made: CaseResult, whose: { mine: boolean }): void {
  if (whose.mine) folding.report.cases.push(made);
  else if (made.outcome === "failed" || made.outcome === "error") folding.report.strangersFailed = true;
}

/** A case that vitest left open without being told to stop: its process died under it. */
function isAbandoned(each: JsonRecord, report: VitestReport): boolean {
  return each["state"] === "pending" && each["mode"] === "run" && !report.bail;
}

function oneCase(each: JsonRecord, file: string): CaseResult {
  const state = text(each["state"]);
  const errors = errorText(each["errors"]);
  const project = text(each["project"]);
  const outcome = state === "passed" || state === "failed" ? state : "skipped";
  const aside = each["mode"] === "todo" ? "TODO" : text(each["note"]);
  return caseResult({
    file,
    name: text(each["name"]),
    parameters: project ? `project=${project}` : undefined,
    outcome,
    durationMs: numeric(each["duration_ms"]),
    message: outcome === "failed" ? errors.message : outcome === "skipped" ? aside : "",
    detail: outcome === "failed" ? errors.detail : "",
    stdout: text(each["stdout"]),
    stderr: text(each["stderr"]),
    retries: outcome === "passed" ? numeric(each["retries"]) : 0,
    expectedFailure: outcome === "passed" && each["fails"] === true,
  });
}

function abandoned(each: JsonRecord, file: string): CaseResult {
  return caseResult({
    file,
    name: text(each["name"]),
    outcome: "error",
    message: "vitest never finished this case",
  });
}

interface ErrorText {
  message: string;
  detail: string;
}

function errorText(value: unknown): ErrorText {
  const errors = list(value).map((each) => record(each) ?? {});
  const first = errors[0];
  if (first === undefined) return { message: "", detail: "" };
  const name = text(first["name"]);
  const plain = name === "" || name === "AssertionError" || name === "Error";
  const details = errors.map((error) =>
    [text(error["stack"]) || text(error["message"]), text(error["diff"])].join("\n"),
  );
  return {
    message: `${plain ? "" : `${name}: `}${text(first["message"])}`,
    detail: details.join("\n").trim(),
  };
}

function suiteError(each: JsonRecord, file: string): CaseResult {
  const name = `${text(each["name"])} > ${GROUP_CASE}`;
  return caseResult({ file, name, outcome: "error", ...errorText(each["errors"]) });
}

function fileDone(folding: Folding, each: JsonRecord, whose: { file: string; mine: boolean }): void {
  folding.open.delete(whose.file);
  if (whose.mine) folding.report.seen.add(whose.file);
  const unloaded = ["queued", "pending"].includes(text(each["state"])) && !folding.report.bail;
  if (list(each["errors"]).length === 0 && !unloaded) return;
  const said = errorText(each["errors"]);
  const errors = said.message === "" ? { message: "vitest never finished this file", detail: "" } : said;
  add(folding, caseResult({ file: whose.file, name: FILE_CASE, outcome: "error", ...errors }), whose);
  if (whose.mine) folding.report.problems.push({ file: whose.file, message: firstLines(errors.message) });
}

function finish(folding: Folding, each: JsonRecord): void {
  folding.report.finished = true;
  for (const value of list(each["unhandled"])) {
    const error = record(value) ?? {};
    const path = text(error["file"]);
    const file = path === "" ? "" : relativePosix(folding.options.root, path);
    const mine = file === "" || folding.asked.size === 0 || folding.asked.has(file);
    const { message, detail } = errorText([error]);
    const during = text(error["test"]) ? ` (while running ${text(error["test"])})` : "";
    const said = `unhandled error${during}: ${message}`;
    const name = file === "" ? RUN_CASE : FILE_CASE;
    add(folding, caseResult({ file, name, outcome: "error", message: said, detail }), { mine });
  }
}

function nameUnfinished(folding: Folding): void {
  const { why } = folding.options;
  for (const { file, name } of folding.running.values()) {
    folding.report.cases.push(
      caseResult({ file, name, outcome: "error", message: `${why} while this case was running` }),
    );
  }
  for (const file of folding.open) {
    folding.report.seen.add(file);
    const message = `${why} before this file was done`;
    folding.report.cases.push(caseResult({ file, name: FILE_CASE, outcome: "error", message }));
    folding.report.problems.push({ file, message });
  }
}
