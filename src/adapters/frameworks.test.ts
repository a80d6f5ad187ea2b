// What the real tools said, recorded by frameworks.slow.test.ts, read without them.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import fc from "fast-check";
import type { CaseResult, ProcessExit, SuiteResult } from "./adapter.ts";
import { cargoLines } from "./cargo-report.ts";
import type { Sample } from "./frameworks.testing.ts";
import { SAMPLES } from "./frameworks.testing.ts";
import { goLines } from "./go-report.ts";
import { adapterByName } from "./index.ts";
import { foldLines } from "./line-report.ts";
import { outcomes } from "./real-run.testing.ts";

const fixtures = join(fileURLToPath(new URL(".", import.meta.url)), "fixtures");
const FAILED: ProcessExit = { code: 1, signal: null, timedOut: false };

async function parsed(
  sample: Sample,
  options: { exit?: ProcessExit; lines?: (all: string[]) => string[]; files?: string[] } = {},
): Promise<SuiteResult> {
  const resultDir = await mkdtemp(join(tmpdir(), "testyard-recorded-"));
  onTestFinished(() => rm(resultDir, { recursive: true, force: true }));
  await cp(join(fixtures, sample.adapter), resultDir, { recursive: true });
  for (const file of options.lines ? await readdir(resultDir) : []) {
    const all = (await readFile(join(resultDir, file), "utf8")).trimEnd().split("\n");
    await writeFile(join(resultDir, file), (options.lines?.(all) ?? all).join("\n"));
  }
  const { exit = FAILED, files = sample.paths } = options;
  const adapter = adapterByName(sample.adapter);
  if (adapter === undefined) throw new Error(`no adapter ${sample.adapter}`);
  return adapter.parse({ root: "/suite", files, resultDir, exit, logTail: "" });
}

function sampleOf(name: string): Sample {
  const found = SAMPLES.find((each) => each.adapter === name);
  if (found === undefined) throw new Error(`no sample ${name}`);
  return found;
}

describe.each(SAMPLES)("what $adapter said", (sample) => {
  test("becomes every case with its outcome", async () => {
    expect(outcomes((await parsed(sample)).cases)).toEqual(sample.outcomes);
  });

  test("cut off anywhere keeps what had ended, and no file goes without a word", async () => {
    const exit = { code: null, signal: "SIGKILL", timedOut: true };
    const ended = new Set(sample.outcomes);
    for (const part of [0.1, 0.35, 0.6, 0.85]) {
      const lines = (all: string[]): string[] => all.slice(0, Math.floor(all.length * part));
      const { cases } = await parsed(sample, { exit, lines });
      const files = new Set(cases.map((each) => each.file));
      expect(sample.paths.filter((path) => !files.has(path) && !files.has(""))).toEqual([]);
      const settled = cases.filter((each) => each.outcome === "passed" || each.outcome === "skipped");
      expect(outcomes(settled).filter((line) => !ended.has(line))).toEqual([]);
    }
  });

  test("of files that nobody asked for is left out", async () => {
    const [file = ""] = sample.paths.slice(-1);
    const { cases } = await parsed(sample, { files: [file] });
    expect(outcomes(cases)).toEqual(sample.outcomes.filter((line) => line.startsWith(`${file}::`)));
  });
});

describe("of a run that died", () => {
  const exit = { code: null, signal: "SIGKILL", timedOut: false };
  const until =
    (...words: string[]) =>
    (all: string[]) =>
      all.slice(0, all.findIndex((line) => words.every((word) => line.includes(word))) + 1);
  const messages = (cases: readonly CaseResult[]): Record<string, string | undefined> =>
    Object.fromEntries(cases.map((each) => [each.name, each.message]));

  test.each([
    ["jest", '"kind":"begin"', "each 2"],
    ["mocha", '"kind":"begin"', "group > bad"],
    ["playwright", '"kind":"begin"', "serial > first"],
    ["go-test", '"Action":"run"', "TestSubs/ü"],
  ])("%s: the case that ran is named", async (adapter, word, name) => {
    const { cases } = await parsed(sampleOf(adapter), { exit, lines: until(word, JSON.stringify(name)) });
    expect(messages(cases)[name]).toBe("the process was ended by SIGKILL while this case was running");
  });

  test("what was planned and had not begun is named too", async () => {
    const { cases } = await parsed(sampleOf("mocha"), { exit, lines: until('"kind":"plan"') });
    expect(messages(cases)).toMatchObject({
      one: "not run: the process was ended by SIGKILL",
      "group > bad": "not run: the process was ended by SIGKILL",
    });
  });

  test("a file that had begun, and one that had not", async () => {
    const lines = (all: string[]): string[] => all.slice(0, 2);
    const { problems } = await parsed(sampleOf("jest"), {
      exit,
      lines,
      files: ["a.test.js", "both.test.js"],
    });
    expect(problems.map((each) => each.message)).toEqual([
      "the process was ended by SIGKILL before this file was done",
      "the process was ended by SIGKILL before this file ran",
    ]);
  });
});

async function caseOf(adapter: string, name: string): Promise<CaseResult | undefined> {
  return (await parsed(sampleOf(adapter))).cases.find((each) => each.name === name);
}

describe("a case carries", () => {
  test("the project that it ran in", async () => {
    const both = (await parsed(sampleOf("jest"))).cases.filter((each) => each.name === "both");
    expect(new Set(both.map((each) => each.parameters))).toEqual(new Set(["project=all", "project=some"]));
    expect(await caseOf("playwright", "flaky")).toMatchObject({ parameters: "project=chromium" });
  });

  test("how often it was tried and whether it was expected to fail", async () => {
    expect(await caseOf("jest", "second try")).toMatchObject({ outcome: "passed", retries: 1 });
    expect(await caseOf("mocha", "second try")).toMatchObject({ outcome: "passed", retries: 1 });
    expect(await caseOf("playwright", "flaky")).toMatchObject({ outcome: "passed", retries: 1 });
    expect(await caseOf("jest", "fails as it should")).toMatchObject({ expected_failure: true });
    expect(await caseOf("playwright", "fails as it should")).toMatchObject({ expected_failure: true });
  });

  test.each([
    ["jest", "each 2", "Expected: 1", "a.test.js:4"],
    ["jest", "bad hook > never ran", "hook broke", "a.test.js"],
    ["mocha", "group > bad", "one is not two", "spec/a.js:11"],
    ["mocha", "bad each > (group)", '"before each" hook for "x": each broke', "spec/a.js"],
    ["playwright", "group > bad", "one is not two", "a.spec.js:9"],
    ["go-test", "TestBad", "before", "want 1"],
    ["go-test", "TestPanic", "panic: oh no", "goroutine"],
    ["cargo-test", "tests::bad", "sum 1", "src/lib.rs:23"],
    ["cargo-test", "tests::result", 'Error: "went wrong"', ""],
    ["cargo-test", "second", "SIGABRT", ""],
  ])("%s: %s says why", async (adapter, name, message, detail) => {
    const found = await caseOf(adapter, name);
    expect(found?.message).toContain(message);
    expect(found?.detail ?? "").toContain(detail);
  });

  test("why it was skipped", async () => {
    expect(await caseOf("go-test", "TestSkip")).toMatchObject({ message: "a_test.go:10: no device" });
    expect(await caseOf("cargo-test", "tests::ignored")).toMatchObject({ message: "no device" });
    expect(await caseOf("playwright", "group > inside")).toMatchObject({ message: "no device" });
    expect(await caseOf("jest", "later")).toMatchObject({ message: "TODO" });
  });
});

test.each([
  ["jest", "broken.test.js", "Cannot find module './nothing-there'"],
  ["mocha", "spec/broken.js", "does not load"],
  ["playwright", "e2e/broken.spec.js", "Cannot find module './nothing-there'"],
  ["go-test", "broken", "undefined: nothingThere"],
  ["go-test", "main", "the package failed"],
  ["cargo-test", "crates/other/tests/broken.rs", "cannot find function `nothing_there`"],
])("%s: a file that does not load is a problem that says why", async (adapter, file, message) => {
  const { problems } = await parsed(sampleOf(adapter));
  expect(problems.find((each) => each.file === file)?.message).toContain(message);
});

test("lines of any shape and order make no fold throw", () => {
  const kind = fc.constantFrom(
    "start",
    "plan",
    "loaded",
    "file",
    "begin",
    "case",
    "file_done",
    "problem",
    "group",
    "finish",
    "event",
    "text",
    "list",
    "group_done",
    "unit",
    "line",
    "unit_done",
  );
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));
  const value = fc.oneof(leaf, fc.array(fc.dictionary(fc.string(), leaf)), fc.dictionary(fc.string(), leaf));
  const keys = fc.constantFrom(
    "file",
    "project",
    "name",
    "outcome",
    "cases",
    "files",
    "event",
    "text",
    "tests",
    "packages",
  );
  const line = fc
    .tuple(kind, fc.dictionary(keys, value, { maxKeys: 6 }))
    .map(([of, rest]) => ({ ...rest, kind: of }));
  const parse = { root: "/r", files: ["a"], resultDir: "/x", exit: FAILED, logTail: "" };
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      for (const each of [lines, goLines(lines), cargoLines(lines)])
        foldLines(each, { root: "/r", parse, framework: "any" });
    }),
    { numRuns: 500 },
  );
});
