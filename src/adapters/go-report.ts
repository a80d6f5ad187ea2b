/**
 * From what `go test -json` says to the lines that `line-report.ts` folds.
 *
 * A test with subtests is a case as its subtests are, as go counts them. What has no test in Go (a package
 * that does not compile, a TestMain that ends early, a panic outside of a test) is one of its package.
 */
import type { JsonRecord } from "./json-lines.ts";
import { list, numeric, record, text } from "./json-lines.ts";

interface Package {
  folder: string;
  output: string[];
  tests: Map<string, Test>;
  ended: "pass" | "fail" | "skip" | null;
  listed: string[];
}

interface Test {
  output: string[];
  outcome: "passed" | "failed" | "skipped" | null;
  durationMs: number;
}

interface Folding {
  packages: Map<string, Package>;
  /** What the compiler said, by package, and what belongs to none. */
  build: Map<string, string[]>;
  loose: string[];
  finished: boolean;
}

const OUTPUT_LINES = 2000;

export function goLines(records: readonly JsonRecord[]): JsonRecord[] {
  const folding: Folding = { packages: new Map(), build: new Map(), loose: [], finished: false };
  for (const each of records) foldRecord(folding, each);
  const lines: JsonRecord[] = [{ kind: "start" }];
  for (const [path, one] of folding.packages) lines.push(...packageLines(folding, path, one));
  if (folding.finished) lines.push({ kind: "finish" });
  return lines;
}

function foldRecord(folding: Folding, each: JsonRecord): void {
  switch (each["kind"]) {
    case "group":
      for (const value of list(each["packages"])) known(folding, record(value) ?? {});
      return;
    case "event":
      return foldEvent(folding, record(each["event"]) ?? {});
    case "text":
      return foldText(folding, text(each["text"]));
    case "list": {
      const one = folding.packages.get(text(each["package"]));
      if (one) one.listed = list(each["tests"]).map(text);
      return;
    }
    case "finish":
      folding.finished = true;
      return;
    default:
  }
}

/** The same package may run in several groups, each with its own pattern. */
function known(folding: Folding, each: JsonRecord): void {
  const path = text(each["path"]);
  const before = folding.packages.get(path);
  if (before) before.ended = null;
  else {
    const folder = text(each["folder"]);
    folding.packages.set(path, { folder, output: [], tests: new Map(), ended: null, listed: [] });
  }
}

function foldEvent(folding: Folding, event: JsonRecord): void {
  const action = text(event["Action"]);
  if (action === "build-output") {
    const path = text(event["ImportPath"]).split(" ")[0] ?? "";
    return push(folding.build, path, text(event["Output"]));
  }
  const one = folding.packages.get(text(event["Package"]));
  if (one === undefined) return;
  const name = text(event["Test"]);
  if (action === "output") {
    const output = name === "" ? one.output : testOf(one, name).output;
    if (output.length < OUTPUT_LINES) output.push(text(event["Output"]));
    return;
  }
  const outcome = ({ pass: "passed", fail: "failed", skip: "skipped" } as const)[action];
  if (name === "" && outcome !== undefined) one.ended = action === "fail" ? "fail" : "pass";
  else if (name !== "") {
    const test = testOf(one, name);
    if (outcome !== undefined) test.outcome = outcome;
    if (outcome !== undefined) test.durationMs = numeric(event["Elapsed"]) * 1000;
  }
}

function push(lists: Map<string, string[]>, key: string, value: string): void {
  lists.set(key, [...(lists.get(key) ?? []), value]);
}

function testOf(one: Package, name: string): Test {
  const test = one.tests.get(name) ?? { output: [], outcome: null, durationMs: 0 };
  one.tests.set(name, test);
  return test;
}

/** Before Go 1.24: `# package` with the compiler's lines after it, then `FAIL package [build failed]`. */
function foldText(folding: Folding, line: string): void {
  const failed = /^FAIL\t(\S+) (\[(?:build|setup) failed\])$/.exec(line);
  const one = folding.packages.get(failed?.[1] ?? "");
  if (one) {
    one.ended = "fail";
    one.output.push(line);
  } else folding.loose.push(line);
}

function packageLines(folding: Folding, path: string, one: Package): JsonRecord[] {
  const file = one.folder;
  const lines: JsonRecord[] = [{ kind: "loaded", files: one.ended === null ? [] : [file] }];
  for (const [name, test] of one.tests) {
    if (test.outcome === null) lines.push(...openTest(one, { file, name, test }));
    else lines.push(caseLine(test.outcome, { file, name, test }));
  }
  const why = "not run: its package ended before";
  for (const name of one.ended === "fail" ? one.listed : [])
    if (!one.tests.has(name)) lines.push({ kind: "case", file, name, outcome: "error", message: why });
  if (one.ended === "fail" && !hasFailed(one)) lines.push(packageProblem(folding, path, one));
  if (one.ended === null && folding.finished) lines.push(packageProblem(folding, path, one));
  else if (one.ended === null) lines.push({ kind: "file", file });
  return lines;
}

function hasFailed(one: Package): boolean {
  return [...one.tests.values()].some((test) => test.outcome === "failed" || test.outcome === null);
}

interface Named {
  file: string;
  name: string;
  test: Test;
}

function caseLine(outcome: string, { file, name, test }: Named): JsonRecord {
  const said = test.output.filter(
    (line) => !/^\s*(?:=== (?:RUN|PAUSE|CONT|NAME)|--- (?:PASS|SKIP))/.test(line),
  );
  const words = said.filter((line) => !/^\s*--- FAIL/.test(line));
  const plain = outcome === "passed";
  const message = plain ? "" : firstWords(words);
  return {
    kind: "case",
    file,
    name,
    outcome,
    duration_ms: test.durationMs,
    message,
    detail: outcome === "failed" ? said.join("") : "",
    stdout: plain ? words.join("") : "",
  };
}

/** A panic says more than what the test printed before it. */
function firstWords(lines: readonly string[]): string {
  const panic = lines.find((line) => /^\s*(?:panic|fatal error): /.test(line));
  return (panic ?? lines.find((line) => line.trim() !== "") ?? "").trim();
}

/** It began and its package ended: a panic, an exit. While the package still runs it is only open. */
function openTest(one: Package, named: Named): JsonRecord[] {
  const { file, name } = named;
  if (one.ended === null) return [{ kind: "begin", file, name }];
  const line = caseLine("failed", named);
  const said = text(line["message"]) || firstWords(one.output) || "its package ended while it was running";
  return [{ ...line, outcome: "error", message: said }];
}

function packageProblem(folding: Folding, path: string, one: Package): JsonRecord {
  const output = one.output.join("");
  const isBuild = /\[(?:build|setup) failed\]/.test(output);
  const compiler = isBuild ? (folding.build.get(path) ?? compilerLines(folding, path)).join("") : "";
  const said = compiler === "" ? output : compiler;
  const first = said.split("\n").find((line) => line.trim() !== "" && !line.startsWith("#")) ?? "";
  const message = isBuild ? `does not build: ${first.trim()}` : `the package failed: ${first.trim()}`;
  return { kind: "problem", file: one.folder, message, detail: `${compiler}\n${output}`.trim() };
}

/** What stands below `# PATH`, `# PATH [PATH.test]` or `# [PATH]`; all of it where that is not said. */
function compilerLines(folding: Folding, path: string): string[] {
  const lines: string[] = [];
  let mine = false;
  for (const line of folding.loose) {
    const header = /^# \[?([^\s\]]+)/.exec(line)?.[1];
    if (header !== undefined) mine = header === path || header === `${path}_test`;
    if (mine) lines.push(`${line}\n`);
  }
  return lines.length > 0 ? lines : folding.loose.map((line) => `${line}\n`);
}
