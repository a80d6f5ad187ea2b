/**
 * TAP 13 and 14, with subtests.
 *
 * Read line by line with a stack of indentations: what stands deeper belongs to the next test point that
 * is less deep (or, in the form with braces, to the one before). A point with subtests is their sum and no
 * case of its own, unless it failed and none of them did. Lines that are no TAP are a program's output and
 * mean nothing. What a stream promised and did not keep (its plan) is a failure.
 */
import type { CaseResult, SuiteResult } from "./adapter.ts";
import { CASES_LIMIT, caseResult, DETAIL_BYTES } from "./bounds.ts";

export interface TapOptions {
  /** The test file the stream belongs to, "" when unknown. */
  file: string;
  /** Only the end of the stream is left. */
  cut?: boolean;
}

export interface TapResult extends SuiteResult {
  /** false: nothing in it was TAP. */
  isTap: boolean;
}

interface Point {
  path: string[];
  outcome: CaseResult["outcome"];
  message: string;
  expectedFailure: boolean;
  durationMs: number;
  yaml: string[];
}

interface Level {
  indent: number;
  points: Point[];
  /** Points of this level itself, without those of subtests. */
  count: number;
  plan: number | null;
  skipAll: string | null;
  worstNumber: number;
}

interface State {
  levels: Level[];
  last: { level: Level; point: Point } | null;
  /** Points whose subtests follow in braces, outermost first. */
  braces: { level: Level; point: Point }[];
  yaml: { indent: number; lines: string[]; bytes: number } | null;
  bailed: string | null;
  isTap: boolean;
  count: number;
}

const DEPTH_LIMIT = 100;
const POINT = /^(not )?ok\b(?:[ \t]+(\d{1,9}))?[ \t]*(?:-[ \t]*)?(.*)$/;
const PLAN = /^1\.\.(\d{1,9})[ \t]*(?:#[ \t]*(.*))?$/;

export function parseTap(input: string, options: TapOptions): TapResult {
  const state: State = {
    levels: [level(0)],
    last: null,
    braces: [],
    yaml: null,
    bailed: null,
    isTap: false,
    count: 0,
  };
  for (const line of lines(input)) {
    if (state.bailed !== null || state.count >= CASES_LIMIT) break;
    readLine(state, line);
  }
  endYaml(state);
  closeDeeper(state, 0);
  return toResult(state, options);
}

function* lines(input: string): Generator<string> {
  for (let at = 0; at < input.length; ) {
    const end = input.indexOf("\n", at);
    const stop = end < 0 ? input.length : end;
    yield input.slice(at, Math.min(stop, at + 64 * 1024)).replace(/\r$/, "");
    at = stop + 1;
  }
}

function level(indent: number): Level {
  return { indent, points: [], count: 0, plan: null, skipAll: null, worstNumber: 0 };
}

function readLine(state: State, line: string): void {
  const indent = /^ */.exec(line)?.[0].length ?? 0;
  const text = line.slice(indent);
  if (state.yaml !== null && inYaml(state, { indent, text, line })) return;
  if (text.startsWith("---") && state.last !== null && indent > state.last.level.indent) {
    state.yaml = { indent, lines: [], bytes: 0 };
    return;
  }
  const point = POINT.exec(text);
  const plan = PLAN.exec(text);
  if (/^TAP version \d+/.test(text)) state.isTap = true;
  else if (point !== null) addPoint(state, indent, point);
  else if (plan !== null) addPlan(state, indent, plan);
  else if (text.startsWith("Bail out!")) bail(state, text);
  else if (text.trimEnd() === "}") closeBrace(state, indent);
}

function inYaml(state: State, at: { indent: number; text: string; line: string }): boolean {
  const { yaml } = state;
  if (yaml === null) return false;
  const over = at.text !== "" && at.indent < yaml.indent;
  if (over || (at.text === "..." && at.indent === yaml.indent)) {
    endYaml(state);
    return !over;
  }
  yaml.bytes += at.line.length;
  if (yaml.bytes <= 2 * DETAIL_BYTES) yaml.lines.push(at.line.slice(yaml.indent));
  return true;
}

function endYaml(state: State): void {
  if (state.yaml !== null && state.last !== null) state.last.point.yaml = state.yaml.lines;
  state.yaml = null;
}

/** The level at this indentation; deeper ones stay until their point has come. */
function levelAt(state: State, indent: number): Level | null {
  const found = state.levels.find((each) => each.indent === indent);
  if (found !== undefined) return found;
  if (state.levels.length >= DEPTH_LIMIT) return null;
  const opened = level(indent);
  state.levels.push(opened);
  state.levels.sort((a, b) => a.indent - b.indent);
  return opened;
}

function addPoint(state: State, indent: number, match: RegExpExecArray): void {
  const at = levelAt(state, indent);
  if (at === null) return;
  state.isTap = true;
  state.count += 1;
  const rest = match[3] ?? "";
  const opens = /(?:^|\s)\{\s*$/.test(rest);
  const point = readPoint(match[1] ?? "", opens ? rest.trimEnd().slice(0, -1) : rest);
  at.count += 1;
  at.worstNumber = Math.max(at.worstNumber, Number(match[2] ?? 0));
  // Diagnostics of a point that is only a sum go nowhere.
  state.last = { level: at, point };
  if (opens && state.braces.length < DEPTH_LIMIT) state.braces.push(state.last);
  else settle(at, point, takeDeeper(state, indent));
}

function closeBrace(state: State, indent: number): void {
  const open = state.braces.at(-1);
  if (open === undefined || open.level.indent !== indent) return;
  state.braces.pop();
  settle(open.level, open.point, takeDeeper(state, indent));
}

function settle(at: Level, point: Point, nested: readonly Point[]): void {
  const title = point.path[0] ?? "";
  for (const child of nested) at.points.push({ ...child, path: [title, ...child.path] });
  const explained = nested.some((child) => child.outcome === "failed" || child.outcome === "error");
  const own = nested.length === 0 || (point.outcome === "failed" && !explained);
  if (own) at.points.push(point);
}

function readPoint(not: string, rest: string): Point {
  const notOk = not !== "";
  const mark = /(?:^|[^\\])#[ \t]*(skip\S*|todo)\b[ \t]*(.*)$/i.exec(rest);
  const kind = mark?.[1]?.toLowerCase().slice(0, 4) ?? "";
  const described =
    mark === null ? rest : rest.slice(0, rest.lastIndexOf("#", rest.length - (mark[2] ?? "").length));
  const time = /(?:^|[ \t])#[ \t]*time=([\d.]+)(ms|s)?/.exec(described);
  const title = described.replace(/(?:^|[ \t])#[ \t]*time=.*$/, "").trim();
  const aside = kind === "skip" || kind === "todo";
  const reason = (mark?.[2] ?? "").trim();
  return {
    path: [unescape(title) || "(no name)"],
    outcome: aside ? "skipped" : notOk ? "failed" : "passed",
    message: mark === null ? "" : [kind.toUpperCase(), reason].filter((part) => part !== "").join(": "),
    expectedFailure: kind === "todo" && notOk,
    durationMs: Number(time?.[1] ?? 0) * (time?.[2] === "s" ? 1000 : 1),
    yaml: [],
  };
}

function unescape(text: string): string {
  return text.replace(/\\([#\\])/g, "$1");
}

function addPlan(state: State, indent: number, match: RegExpExecArray): void {
  const at = levelAt(state, indent);
  if (at === null) return;
  state.isTap = true;
  at.plan ??= Number(match[1]);
  if (at.plan === 0) at.skipAll = (match[2] ?? "").trim();
}

function bail(state: State, text: string): void {
  state.isTap = true;
  state.bailed = text.slice("Bail out!".length).trim() || "no reason given";
}

function takeDeeper(state: State, indent: number): Point[] {
  const deeper = state.levels.filter((each) => each.indent > indent);
  state.levels = state.levels.filter((each) => each.indent <= indent);
  return deeper
    .toReversed()
    .reduce<Point[]>((below, each) => [...each.points, ...planFailure(each), ...below], []);
}

/** Subtests whose parent never came: the stream ended inside. */
function closeDeeper(state: State, indent: number): void {
  for (const open of state.braces.toReversed())
    settle(open.level, open.point, takeDeeper(state, open.level.indent));
  const open = takeDeeper(state, indent);
  state.levels[0]?.points.push(...open.slice(0, CASES_LIMIT));
}

function planFailure(at: Level): Point[] {
  const expected = at.plan;
  const seen = Math.max(at.count, 0);
  if (expected === seen && at.worstNumber <= expected) return [];
  if (expected === null && at.count === 0) return [];
  const message = expected === null ? `no plan was printed; ${seen} reported` : planned(expected, at);
  return [{ path: ["(plan)"], outcome: "failed", message, expectedFailure: false, durationMs: 0, yaml: [] }];
}

function planned(expected: number, at: Level): string {
  if (expected === at.count) return `planned ${expected}, yet number ${at.worstNumber} was reported`;
  return `planned ${expected}, ${at.count} reported`;
}

function toResult(state: State, options: TapOptions): TapResult {
  const [top = level(0)] = state.levels;
  const points = state.bailed === null ? [...top.points, ...planFailure(top)] : top.points;
  const cases = points.map((point) => toCase(point, options));
  if (state.bailed !== null) {
    const message = `bailed out: ${state.bailed}`;
    cases.push(caseResult({ file: options.file, name: "(bail out)", outcome: "error", message }));
    return { cases, problems: [{ file: options.file, message }], isTap: true };
  }
  if (top.plan === 0 && cases.length === 0) {
    const message = top.skipAll?.replace(/^skip\S*\s*/i, "SKIP: ") || "SKIP";
    cases.push(caseResult({ file: options.file, name: "(all)", outcome: "skipped", message }));
  }
  return { cases, problems: [], isTap: state.isTap };
}

function toCase(point: Point, options: TapOptions): CaseResult {
  const yaml = point.yaml.join("\n");
  const cutNote = options.cut && point.path[0] === "(plan)" ? " (only the end of the output is left)" : "";
  const bad = point.outcome === "failed" || point.expectedFailure;
  return caseResult({
    file: options.file,
    name: point.path.join(" > "),
    outcome: point.outcome,
    durationMs: point.durationMs || Number(/^duration_ms:\s*([\d.]+)\s*$/m.exec(yaml)?.[1] ?? 0),
    message: (bad ? yamlMessage(point.yaml) || point.message : point.message) + cutNote,
    detail: bad ? yaml : "",
    expectedFailure: point.expectedFailure,
  });
}

/** `message: x`, `error: 'x'` or a block after `|-`; YAML beyond that stays as detail. */
function yamlMessage(yaml: readonly string[]): string {
  for (const key of [/^message:/, /^error:\s*\S/, /^\s+message:/]) {
    const at = yaml.findIndex((line) => key.test(line));
    if (at < 0) continue;
    const line = yaml[at] ?? "";
    const value = line.slice(line.indexOf(":") + 1).trim();
    if (!/^[|>]/.test(value)) return value.replace(/^(['"])(.*)\1$/s, "$2");
    const block = yaml.slice(at + 1);
    const end = block.findIndex((line) => /^\S/.test(line));
    return (end < 0 ? block : block.slice(0, end)).map((line) => line.trim()).join("\n");
  }
  return "";
}
