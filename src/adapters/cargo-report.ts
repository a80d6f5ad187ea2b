/**
 * From the text that Rust's test programs print to the lines that `line-report.ts` folds. The text is what
 * stable Rust has; its JSON is not stable.
 *
 * The text has no times for single tests. What stands as a case's duration is the time since the case before
 * it ended: exact with one thread, else a share of the clock, so that the sum is right for the target.
 */
import type { JsonRecord } from "./json-lines.ts";
import { list, numeric, text } from "./json-lines.ts";

interface Unit {
  file: string;
  project: string;
  cases: Map<string, JsonRecord>;
  /** What the test program printed of a failed test, by name. */
  output: Map<string, string[]>;
  section: string | null;
  /** A test whose line the output of the test has torn. */
  open: string | null;
  running: boolean;
  finished: boolean;
  previousMs: number;
  printed: string[];
  listed: string[];
  done: JsonRecord | null;
}

const RESULT = /^test (.+?) \.\.\. (?:.*?)(ok|FAILED|ignored)(?:, (.*))?$/;
const OUTCOMES = { ok: "passed", FAILED: "failed", ignored: "skipped" } as const;
const OUTPUT_LINES = 2000;

export function cargoLines(records: readonly JsonRecord[]): JsonRecord[] {
  const units: Unit[] = [];
  let finished = false;
  for (const each of records) {
    const unit = units.at(-1);
    if (each["kind"] === "unit") units.push(newUnit(each));
    else if (each["kind"] === "line" && unit) foldLine(unit, each);
    else if (each["kind"] === "list" && unit) unit.listed = list(each["tests"]).map(text);
    else if (each["kind"] === "unit_done" && unit) unit.done = each;
    else if (each["kind"] === "finish") finished = true;
  }
  return [{ kind: "start" }, ...units.flatMap(unitLines), ...(finished ? [{ kind: "finish" }] : [])];
}

function newUnit(each: JsonRecord): Unit {
  return {
    file: text(each["file"]),
    project: text(each["target"]),
    cases: new Map(),
    output: new Map(),
    section: null,
    open: null,
    running: false,
    finished: false,
    previousMs: 0,
    printed: [],
    listed: [],
    done: null,
  };
}

function foldLine(unit: Unit, each: JsonRecord): void {
  const line = text(each["text"]);
  const atMs = numeric(each["at_ms"]);
  if (/^running \d+ tests?$/.test(line)) return begin(unit, atMs);
  if (line.startsWith("test result: ")) {
    [unit.finished, unit.section] = [true, null];
    return;
  }
  const section = /^---- (.+) stdout ----$/.exec(line)?.[1];
  if (section !== undefined) unit.section = plainName(section);
  else if (line === "failures:" || line === "successes:") unit.section = null;
  else if (unit.section !== null) push(unit.output, unit.section, line);
  else if (!foldResult(unit, { line, atMs }) && unit.printed.length < OUTPUT_LINES) unit.printed.push(line);
}

function begin(unit: Unit, atMs: number): void {
  [unit.running, unit.finished, unit.previousMs, unit.section] = [true, false, atMs, null];
}

function push(lists: Map<string, string[]>, key: string, value: string): void {
  const values = lists.get(key) ?? [];
  if (values.length < OUTPUT_LINES) values.push(value);
  lists.set(key, values);
}

function foldResult(unit: Unit, { line, atMs }: { line: string; atMs: number }): boolean {
  const found = RESULT.exec(line);
  if (found?.[1] !== undefined) {
    addCase(unit, { name: found[1], result: found[2], reason: found[3], atMs });
    return true;
  }
  // With one thread the name stands there before the test prints, and the result after that.
  const torn = /^test (.+?) \.\.\. /.exec(line)?.[1];
  if (torn !== undefined) unit.open = torn;
  const late = unit.open === null || torn !== undefined ? null : /(?:^|.)(ok|FAILED)$/.exec(line)?.[1];
  if (unit.open !== null && late) addCase(unit, { name: unit.open, result: late, reason: undefined, atMs });
  return torn !== undefined;
}

function addCase(
  unit: Unit,
  of: { name: string; result: string | undefined; reason: string | undefined; atMs: number },
): void {
  const outcome = OUTCOMES[of.result as keyof typeof OUTCOMES];
  const name = plainName(of.name);
  unit.cases.set(name, { name, outcome, duration_ms: of.atMs - unit.previousMs, message: of.reason ?? "" });
  unit.previousMs = of.atMs;
  unit.open = null;
}

/** The way a test is expected to end stands behind its name, but not in lists and filters. */
function plainName(name: string): string {
  return name.replace(/ - (?:should panic|compile fail|compile)$/, "");
}

function unitLines(unit: Unit): JsonRecord[] {
  const { file, project } = unit;
  const cases = [...unit.cases.values()].map((each) => withOutput(unit, each));
  const own = cases.map((each) => ({ kind: "case", file, project, ...each }));
  if (unit.done === null) return [{ kind: "file", file }, ...own, ...openLines(unit)];
  return [{ kind: "loaded", files: [file] }, ...own, ...endLines(unit, unit.done)];
}

function openLines(unit: Unit): JsonRecord[] {
  const { file, project, open } = unit;
  return open === null ? [] : [{ kind: "begin", file, project, name: plainName(open) }];
}

function withOutput(unit: Unit, each: JsonRecord): JsonRecord {
  const said = unit.output.get(text(each["name"]));
  if (said === undefined) return each;
  return { ...each, message: failureMessage(said), detail: said.join("\n").trim() };
}

/** `thread 'x' panicked at FILE:` and the message below it, or on the same line before Rust 1.73. */
function failureMessage(lines: readonly string[]): string {
  const at = lines.findIndex((line) => /^thread '.*' (?:\(\d+\) )?panicked at /.test(line));
  if (at < 0) return lines.find((line) => line.trim() !== "")?.trim() ?? "";
  if (!/:\d+:\d+:$/.test(lines[at] ?? "")) return lines[at] ?? "";
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => line.startsWith("stack backtrace:") || line.startsWith("note: "));
  return (end < 0 ? rest : rest.slice(0, end)).join("\n").trim();
}

function endLines(unit: Unit, done: JsonRecord): JsonRecord[] {
  const { file, project } = unit;
  if (unit.finished) return [];
  const stderr = text(done["stderr"]);
  const code = numeric(done["code"]);
  if (!unit.running && code === 0) {
    // A target with a test program of its own: its exit is all that is known of it.
    return unit.printed.length === 0 && /no test target|0 tests/.test(stderr)
      ? []
      : [{ kind: "case", file, project, name: "(file)", outcome: "passed", stdout: unit.printed.join("\n") }];
  }
  const message = endMessage(unit, { stderr, done });
  const left = unit.listed.filter((name) => !unit.cases.has(plainName(name)));
  const missing = left.map((name) => {
    return {
      kind: "case",
      file,
      project,
      name: plainName(name),
      outcome: "error",
      message: `not ended: ${message}`,
    };
  });
  const detail = [unit.printed.join("\n"), stderr].join("\n").trim();
  return [{ kind: "problem", file, project, message, detail }, ...missing];
}

function endMessage(unit: Unit, { stderr, done }: { stderr: string; done: JsonRecord }): string {
  const ended = /\((signal: [^)]*|exit status: [^)]*|exit code: [^)]*)\)/.exec(stderr)?.[1];
  if (unit.running) return `the test program ended early (${ended ?? `exit code ${numeric(done["code"])}`})`;
  const error = /^error(?:\[E\d+\])?: .*(?:\n\s+--> .*)?/m.exec(stderr)?.[0];
  if (ended !== undefined) return `the test program failed (${ended})`;
  return error === undefined ? "did not run" : `does not build: ${error.replace(/\n\s+--> /, " at ")}`;
}
