/**
 * From the lines that our reporters and drivers append to cases, for every framework that has no fold of its
 * own (pytest, node:test and vitest tell in other ways what we need).
 *
 *     start {bail}                          the framework runs; what it was asked for has loaded
 *     plan {cases: [{file, project, name}]} everything that will run, where that is known before
 *     loaded {files}                        these files were taken up, though they may have no cases
 *     file {file}                           a file begins
 *     begin {file, project, name}           a case begins
 *     case {file, project, name, outcome, …, id}    a case ended; the same `id` again takes its place
 *     file_done {file, project, cases}      all of a file, in place of what was said of it without a project
 *     problem {file, project, message, detail}  a file that does not load; without a file: the run
 *     group {file, name, message, detail}   a hook of a group broke
 *     finish {}                             the framework came to its end
 *
 * A reporter writes each line at once. When the process dies, what has ended is kept, and everything that
 * was planned or begun and has not ended is an error with the reason.
 */
import type { CaseOutcome, CaseResult, ParseOptions, SuiteProblem, SuiteResult } from "./adapter.ts";
import { FILE_CASE, GROUP_CASE, RUN_CASE } from "./adapter.ts";
import { blameExit, caseResult, describeExit, firstLines, nothingLeft, relativePosix } from "./bounds.ts";
import type { JsonRecord } from "./json-lines.ts";
import { list, numeric, record, text } from "./json-lines.ts";

interface Folding {
  root: string;
  /** Empty: every file was asked for. */
  asked: ReadonlySet<string>;
  why: string;
  cases: Map<string, CaseResult>;
  problems: SuiteProblem[];
  planned: Map<string, JsonRecord>;
  open: Map<string, JsonRecord>;
  /** How often each runs: once for every project. */
  openFiles: Map<string, number>;
  seen: Set<string>;
  started: boolean;
  finished: boolean;
  bail: boolean;
  /** Something failed that nobody asked for: it explains a failing exit. */
  strangersFailed: boolean;
  numbers: number;
}

export interface LineOptions {
  /** Real path of the suite root. */
  root: string;
  parse: ParseOptions;
  /** For people. */
  framework: string;
}

/** The cases of a run, and an error for whatever of it is not accounted for. */
export function foldLines(records: readonly JsonRecord[] | null, options: LineOptions): SuiteResult {
  const { parse, framework } = options;
  const folding = empty(options);
  for (const each of records ?? []) foldRecord(folding, each);
  const { cases, problems, started, finished } = folding;
  if (!started && problems.length === 0) return nothingLeft(parse, `${framework} did not start`);
  if (!finished) nameUnfinished(folding);
  if (parse.exit.code !== 0 && !(finished && folding.bail)) nameUnseen(folding, options);
  const result = { cases: [...cases.values()], problems };
  return folding.strangersFailed ? result : blameExit(result, parse);
}

function empty({ root, parse }: LineOptions): Folding {
  return {
    root,
    asked: new Set(parse.files),
    why: describeExit(parse.exit),
    cases: new Map(),
    problems: [],
    planned: new Map(),
    open: new Map(),
    openFiles: new Map(),
    seen: new Set(),
    started: false,
    finished: false,
    bail: false,
    strangersFailed: false,
    numbers: 0,
  };
}

function foldRecord(folding: Folding, each: JsonRecord): void {
  const file = fileOf(folding, each);
  switch (each["kind"]) {
    case "start":
      folding.started = true;
      folding.bail ||= each["bail"] === true;
      return;
    case "plan":
      for (const one of list(each["cases"])) plan(folding, record(one) ?? {});
      return;
    case "loaded":
      for (const one of list(each["files"])) folding.seen.add(fileOf(folding, { file: one }));
      return;
    case "file":
      if (isAsked(folding, file)) countFile(folding, file, 1);
      return;
    case "begin":
      if (isAsked(folding, file)) folding.open.set(keyOf(folding, each), each);
      return;
    case "case":
      return foldCase(folding, each);
    case "file_done":
      return foldFile(folding, { each, file });
    case "problem":
      return problem(folding, each);
    case "group":
      return add(folding, groupError(folding, each), `group\n${file}\n${text(each["name"])}`);
    case "finish":
      folding.finished = true;
      return;
    default:
  }
}

function fileOf(folding: Folding, each: JsonRecord): string {
  return relativePosix(folding.root, text(each["file"])) || (text(each["file"]) === "" ? "" : ".");
}

function isAsked(folding: Folding, file: string): boolean {
  return folding.asked.size === 0 || folding.asked.has(file) || file === "";
}

function keyOf(folding: Folding, each: JsonRecord): string {
  return JSON.stringify([fileOf(folding, each), text(each["project"]), text(each["name"])]);
}

function plan(folding: Folding, each: JsonRecord): void {
  if (isAsked(folding, fileOf(folding, each))) folding.planned.set(keyOf(folding, each), each);
}

function foldCase(folding: Folding, each: JsonRecord): void {
  const key = keyOf(folding, each);
  folding.open.delete(key);
  folding.planned.delete(key);
  const id = text(each["id"]) || `${key}${folding.numbers++}`;
  add(folding, oneCase(folding, each), id);
}

function add(folding: Folding, made: CaseResult, id: string): void {
  if (isAsked(folding, made.file)) {
    if (made.file !== "") folding.seen.add(made.file);
    folding.cases.set(id, made);
  } else if (made.outcome === "failed" || made.outcome === "error") folding.strangersFailed = true;
}

const OUTCOMES: readonly string[] = ["passed", "failed", "skipped", "error"] satisfies CaseOutcome[];

function isOutcome(value: string): value is CaseOutcome {
  return OUTCOMES.includes(value);
}

function oneCase(folding: Folding, each: JsonRecord): CaseResult {
  const outcome = text(each["outcome"]);
  return caseResult({
    ...nameOf(folding, each),
    outcome: isOutcome(outcome) ? outcome : "error",
    durationMs: numeric(each["duration_ms"]),
    message: text(each["message"]),
    detail: text(each["detail"]),
    stdout: text(each["stdout"]),
    stderr: text(each["stderr"]),
    retries: outcome === "passed" ? numeric(each["retries"]) : 0,
    expectedFailure: each["expected_failure"] === true,
  });
}

function nameOf(
  folding: Folding,
  each: JsonRecord,
): { file: string; name: string; parameters: string | undefined } {
  const project = text(each["project"]);
  const parameters = project === "" ? undefined : `project=${project}`;
  return { file: fileOf(folding, each), name: text(each["name"]), parameters };
}

function countFile(folding: Folding, file: string, change: number): void {
  const count = (folding.openFiles.get(file) ?? 0) + change;
  if (count > 0) folding.openFiles.set(file, count);
  else folding.openFiles.delete(file);
}

function foldFile(folding: Folding, { each, file }: { each: JsonRecord; file: string }): void {
  countFile(folding, file, -1);
  folding.seen.add(file);
  const project = text(each["project"]);
  const soFar = JSON.stringify([file, ""]).slice(0, -1);
  for (const map of [folding.cases, folding.open])
    for (const key of map.keys()) if (key.startsWith(soFar)) map.delete(key);
  for (const one of list(each["cases"])) foldCase(folding, { ...record(one), file: each["file"], project });
}

function problem(folding: Folding, each: JsonRecord): void {
  const file = fileOf(folding, each);
  const name = file === "" ? RUN_CASE : FILE_CASE;
  const [message, detail] = [text(each["message"]), text(each["detail"])];
  const { parameters } = nameOf(folding, each);
  const made = caseResult({ file, name, parameters, outcome: "error", message, detail });
  add(folding, made, `problem\n${file}${folding.numbers++}`);
  if (isAsked(folding, file)) folding.problems.push({ file, message: firstLines(message) });
}

function groupError(folding: Folding, each: JsonRecord): CaseResult {
  const name = `${text(each["name"])} > ${GROUP_CASE}`;
  const [message, detail] = [text(each["message"]), text(each["detail"])];
  return caseResult({ file: fileOf(folding, each), name, outcome: "error", message, detail });
}

function nameUnfinished(folding: Folding): void {
  const { why } = folding;
  for (const [key, each] of folding.open)
    unfinished(folding, { key, each, message: `${why} while this case was running` });
  for (const [key, each] of folding.planned)
    if (!folding.open.has(key)) unfinished(folding, { key, each, message: `not run: ${why}` });
  for (const file of folding.openFiles.keys())
    problem(folding, at(folding, file, `${why} before this file was done`));
}

function unfinished(folding: Folding, of: { key: string; each: JsonRecord; message: string }): void {
  add(folding, caseResult({ ...nameOf(folding, of.each), outcome: "error", message: of.message }), of.key);
}

function at(folding: Folding, file: string, message: string): JsonRecord {
  return { file: `${folding.root}/${file}`, message };
}

/** A file asked for that the framework never took up: unknown to it, or the run ended before. */
function nameUnseen(folding: Folding, { framework, parse }: LineOptions): void {
  const why = folding.finished ? `${framework} did not run this file` : `${folding.why} before this file ran`;
  const general = folding.problems.some((each) => each.file === "");
  for (const file of general && folding.finished ? [] : parse.files)
    if (!folding.seen.has(file)) problem(folding, at(folding, file, why));
}
