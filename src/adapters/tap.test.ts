import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { outcomes, realRun } from "./real-run.testing.ts";
import { tapAdapter } from "./tap.ts";
import { parseTap } from "./tap-parser.ts";

function parse(...lines: string[]): ReturnType<typeof parseTap> {
  return parseTap(lines.join("\n"), { file: "" });
}

function brief(...lines: string[]): string[] {
  return parse(...lines).cases.map((each) => `${each.name} ${each.outcome}`);
}

async function fixture(name: string): Promise<string[]> {
  const content = await readFile(new URL(`./fixtures/${name}`, import.meta.url), "utf8");
  return outcomes(parseTap(content, { file: "" }).cases);
}

describe("what real frameworks wrote", () => {
  test("node:test: subtests before their parent", async () => {
    expect(await fixture("node-test.tap")).toEqual([
      "::fails # with a hash failed",
      "::group > deeper > at the bottom <&> passed",
      "::group > inside passed",
      "::later skipped",
      "::parent > kid passed",
      "::passes passed",
      "::skipped skipped",
    ]);
  });

  test("vitest: subtests in braces after their parent", async () => {
    expect(await fixture("vitest.tap")).toEqual([
      "::a.test.mjs > fails failed",
      "::a.test.mjs > group > inside <&> passed",
      "::a.test.mjs > later skipped",
      "::a.test.mjs > passes passed",
      "::a.test.mjs > skipped skipped",
    ]);
    expect(await fixture("vitest-flat.tap")).toEqual(await fixture("vitest.tap"));
  });
});

test("messages, durations and diagnostics come from YAML and comments", () => {
  const { cases } = parse(
    "TAP version 14",
    "1..4",
    "not ok 1 - a",
    "  ---",
    "  message: 'it broke'",
    "  duration_ms: 12.5",
    "  ...",
    "not ok 2 - b",
    "  ---",
    "  error: |-",
    "    first",
    "    second",
    "  at: here",
    "  ...",
    "ok 3 - c # time=3.25ms",
    "ok 4 - d # SKIP no device",
  );
  expect(cases[0]).toMatchObject({ outcome: "failed", message: "it broke", duration_ms: 12.5 });
  expect(cases[1]).toMatchObject({ message: "first\nsecond", detail: expect.stringContaining("at: here") });
  expect(cases[2]).toMatchObject({ name: "c", outcome: "passed", duration_ms: 3.25 });
  expect(cases[3]).toMatchObject({ name: "d", outcome: "skipped", message: "SKIP: no device" });
});

test("a failing todo is expected, an escaped hash is part of the name", () => {
  const { cases } = parse(
    "1..3",
    "not ok 1 - later # TODO soon",
    "ok 2 - done \\# todo not a mark",
    "ok 3 # todo",
  );
  expect(cases[0]).toMatchObject({
    name: "later",
    outcome: "skipped",
    expected_failure: true,
    message: "TODO: soon",
  });
  expect(cases[1]).toMatchObject({ name: "done # todo not a mark", outcome: "passed" });
  expect(cases[2]).toMatchObject({ name: "(no name)", outcome: "skipped", message: "TODO" });
});

test("equal titles are both counted", () => {
  expect(brief("1..2", "ok - same", "ok - same")).toEqual(["same passed", "same passed"]);
});

test("a plan that is not kept is a failure, too few, too many, or none", () => {
  expect(brief("1..3", "ok 1 - a")).toEqual(["a passed", "(plan) failed"]);
  expect(brief("ok 1 - a", "ok 2 - b", "1..1")).toContain("(plan) failed");
  expect(brief("1..2", "ok 1", "ok 7")).toContain("(plan) failed");
  expect(brief("ok 1 - a")).toEqual(["a passed", "(plan) failed"]);
  expect(brief("ok 1 - a", "1..1")).toEqual(["a passed"]);
});

test("a plan that a subtest does not keep fails under its name", () => {
  expect(brief("1..1", "    1..2", "    ok 1 - x", "not ok 1 - p")).toEqual([
    "p > x passed",
    "p > (plan) failed",
  ]);
});

test("a failed parent without a failed subtest is a case of its own", () => {
  expect(brief("1..1", "    1..1", "    ok 1 - x", "not ok 1 - p")).toEqual(["p > x passed", "p failed"]);
});

test("bailing out is an error with its reason, and what came before counts", () => {
  const { cases, problems } = parse("1..5", "ok 1 - a", "Bail out! disk is gone", "not ok 2 - b");
  expect(cases.map((each) => each.outcome)).toEqual(["passed", "error"]);
  expect(problems).toEqual([{ file: "", message: "bailed out: disk is gone" }]);
});

test("skipping everything is one skipped case", () => {
  expect(parse("1..0 # SKIP wrong system").cases).toEqual([
    { file: "", name: "(all)", outcome: "skipped", duration_ms: 0, message: "SKIP: wrong system" },
  ]);
});

test("a stream that ends inside a subtest keeps what it had", () => {
  expect(brief("TAP version 14", "1..1", "    ok 1 - x")).toEqual([
    "x passed",
    "(plan) failed",
    "(plan) failed",
  ]);
});

test("output that is no TAP means nothing", () => {
  expect(parse("okay then", "building…", "not okay", "}").isTap).toBe(false);
});

test("no input makes the parser throw", () => {
  const token = fc.constantFrom(
    "ok",
    "not ok",
    " 1",
    " - a",
    " {",
    "\n",
    "}",
    "    ",
    "1..2",
    "---",
    "...",
    "# SKIP",
    "\\",
    "Bail out!",
    "TAP version 13",
    "\ud800",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(token, fc.string({ unit: "binary" })), { maxLength: 60 }), (parts) => {
      for (const each of parseTap(parts.join(""), { file: "f" }).cases) {
        expect(each.name.length).toBeGreaterThan(0);
        expect(JSON.parse(JSON.stringify(each))).toEqual(each);
      }
    }),
    { numRuns: 500 },
  );
});

describe("the adapter", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "testyard-tap-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  test("reads what the command printed", async () => {
    const args = ["printf", "1..2\\nok 1 - a\\nnot ok 2 - b\\n"];
    const { cases } = await realRun(tapAdapter, { root, files: ["x.t"], args });
    expect(outcomes(cases)).toEqual(["x.t::a passed", "x.t::b failed"]);
  });

  test("prefers a file in the result folder", async () => {
    const args = [
      "sh",
      "-c",
      "echo 'not ok 1 - printed'; printf '1..1\\nok 1 - left\\n' > {result_dir}/r.tap",
    ];
    const { cases } = await realRun(tapAdapter, { root, files: [], args });
    expect(outcomes(cases)).toEqual(["::left passed"]);
  });

  test("a command that prints no TAP is an error", async () => {
    const { cases } = await realRun(tapAdapter, { root, files: ["x.t"], args: ["echo", "hello"] });
    expect(outcomes(cases)).toEqual(["x.t::(file) error"]);
  });

  test("of a log that lost its beginning, it says that only the end is left", async () => {
    const exit = { code: 0, signal: null, timedOut: false };
    const { cases } = await tapAdapter.parse({
      root,
      files: [],
      resultDir: root,
      exit,
      logTail: "ok 9 - i\nok 10 - j\n1..10\n",
    });
    expect(cases.at(-1)).toMatchObject({
      outcome: "failed",
      message: expect.stringContaining("only the end"),
    });
  });
});
