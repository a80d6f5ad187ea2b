import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CaseResult } from "./adapter.ts";
import { junitAdapter } from "./junit.ts";
import { parseJunit, seconds } from "./junit-parser.ts";
import { count, outcomes, realRun } from "./real-run.testing.ts";

const OPTIONS = { root: "/suite", name: "report.xml", file: "" };

function parse(xml: string): CaseResult[] {
  return parseJunit(xml, OPTIONS).cases;
}

async function fixture(name: string): Promise<string> {
  return readFile(new URL(`./fixtures/${name}`, import.meta.url), "utf8");
}

describe("what real frameworks wrote", () => {
  test("pytest", async () => {
    const cases = parse(await fixture("pytest.junit.xml"));
    expect(outcomes(cases)).toEqual([
      "::test_a > test_fails failed",
      "::test_a > test_passes passed",
      "::test_a > test_setup error",
      "::test_a > test_skipped skipped",
      "::test_a > test_xfail skipped",
      "::test_a.TestGroup > test_inside passed",
    ]);
    expect(cases.find((each) => each.outcome === "failed")?.message).toMatch(
      /^AssertionError: one is not two .*\nassert 1 == 2$/,
    );
    expect(cases.find((each) => each.name.endsWith("test_skipped"))?.message).toBe("not here");
  });

  test("node:test, with suites in suites", async () => {
    const names = outcomes(parse(await fixture("node-test.junit.xml")));
    expect(names).toContain("::group > deeper > at the bottom <&> passed");
    expect(names).toContain("::fails # with a hash failed");
    expect(names).toContain("::later skipped");
  });

  test("vitest", async () => {
    const cases = parse(await fixture("vitest.junit.xml"));
    expect(count(cases)).toEqual({ passed: 2, failed: 1, skipped: 2 });
    expect(cases[0]).toMatchObject({ duration_ms: 3.25, stdout: expect.stringContaining("printed") });
    expect(cases.at(-1)?.name).toBe("a.test.mjs > group > inside <&>");
  });
});

test("retries that led to success are counted, and those that did not stay failures", () => {
  const cases = parse(`<testsuite name="s">
    <testcase classname="C" name="flaky" time="0.1">
      <flakyFailure message="x"/><flakyError message="y"/>
    </testcase>
    <testcase classname="C" name="hard">
      <failure message="z">trace</failure><rerunFailure message="again"/>
    </testcase>
  </testsuite>`);
  expect(cases[0]).toMatchObject({ name: "C > flaky", outcome: "passed", retries: 2 });
  expect(cases[1]).toMatchObject({ name: "C > hard", outcome: "failed", message: "z", detail: "trace" });
});

test("equal titles are both counted, and GoogleTest's attributes mean skipped", () => {
  const cases = parse(`<testsuites><testsuite name="G"><testcase name="a"/><testcase name="a"/>
    <testcase name="off" status="notrun"/><testcase name="skip" result="skipped"/></testsuite></testsuites>`);
  expect(count(cases)).toEqual({ passed: 2, skipped: 2 });
});

test("file attributes become paths of the suite; strange ones are kept as they are", () => {
  const cases =
    parse(`<testsuite file="/suite/tests/a.py"><testcase name="a"/><testcase name="b" file="tests\\b.py"/>
    <testcase name="c" file="/elsewhere/c.py"/></testsuite>`);
  expect(cases.map((each) => each.file)).toEqual(["tests/a.py", "tests/b.py", "/elsewhere/c.py"]);
});

test("an error beside the cases of a suite is a case", () => {
  const cases = parse(
    `<testsuite name="S"><error message="no fixture">why</error><testcase name="a"/></testsuite>`,
  );
  expect(outcomes(cases)).toEqual(["::S > a passed", "::S error"]);
});

test("entities are decoded once, and CDATA is taken as it stands", () => {
  const [one] = parse(
    `<testsuite><testcase name="&amp;lt; &#x41;&#66;">
      <system-out><![CDATA[<b> &amp; ]]></system-out></testcase></testsuite>`,
  );
  expect(one).toMatchObject({ name: "&lt; AB", stdout: "<b> &amp; " });
});

test.each([
  ["1,234.5", 1234.5],
  ["12,345,678.25", 12345678.25],
  ["0,25", 0.25],
  ["1,234", 1234],
  ["NaN", 0],
  ["-1", 0],
  ["", 0],
])("time %s is %d seconds", (text, value) => {
  expect(seconds(text)).toBe(value);
});

test("a truncated document gives the cases before the cut, and an error", () => {
  const { cases, problems } = parseJunit(
    `<testsuites><testsuite name="s"><testcase name="a"/><testcase name="b">`,
    OPTIONS,
  );
  expect(cases.map((each) => each.outcome)).toContain("error");
  expect(cases.some((each) => each.name === "s > a" && each.outcome === "passed")).toBe(true);
  expect(problems).toHaveLength(1);
});

test("a document type is refused, so no entity can be defined", () => {
  const bomb = `<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>
    <testsuite><testcase name="&b;"/></testsuite>`;
  const { cases } = parseJunit(bomb, OPTIONS);
  expect(cases).toHaveLength(1);
  expect(cases[0]).toMatchObject({ outcome: "error", message: expect.stringContaining("document type") });
});

test("very deep and hostile documents end in an error, not in a crash", () => {
  for (const xml of [
    "<testsuite>".repeat(20_000),
    "<testsuite><__proto__/><constructor/></testsuite>",
    "\0\0",
    "<",
  ]) {
    expect(() => parseJunit(xml, OPTIONS)).not.toThrow();
  }
  expect(parse("<testsuite>".repeat(20_000))[0]?.outcome).toBe("error");
});

test("no input makes the parser throw, and every case keeps its bounds", () => {
  const token = fc.constantFrom(
    "<testsuite>",
    "</testsuite>",
    "<testcase name='",
    "'>",
    "</testcase>",
    "<failure>",
    "<![CDATA[",
    "]]>",
    "&#0;",
    "&#x110000;",
    "\ud800",
    "<!--",
    "<?",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(token, fc.string({ unit: "binary" })), { maxLength: 30 }), (parts) => {
      for (const each of parse(parts.join(""))) {
        expect(each.name.length).toBeGreaterThan(0);
        expect(JSON.parse(JSON.stringify(each))).toEqual(each);
      }
    }),
    { numRuns: 300 },
  );
});

describe("the adapter", () => {
  let root = "";
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "testyard-junit-"));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  const XML = `<testsuite name='s'><testcase name='a'/></testsuite>`;

  test("reads a report from the result folder", async () => {
    const args = ["sh", "-c", `echo "${XML}" > {result_dir}/x.xml`];
    const { cases } = await realRun(junitAdapter, { root, files: [], args });
    expect(outcomes(cases)).toEqual(["::s > a passed"]);
  });

  test("reads a new report in the suite, and not one from an earlier run", async () => {
    await mkdir(join(root, "old"));
    await writeFile(join(root, "old", "TEST-old.xml"), XML.replaceAll("'a'", "'stale'"));
    await utimes(join(root, "old", "TEST-old.xml"), 1_000_000, 1_000_000);
    await writeFile(join(root, "pom.xml"), "<project/>");
    const args = ["sh", "-c", `mkdir -p target && echo "${XML}" > target/TEST-new.xml && touch pom.xml`];
    const { cases } = await realRun(junitAdapter, { root, files: [], args });
    expect(outcomes(cases)).toEqual(["::s > a passed"]);
  });

  test("a command that leaves nothing is an error, even when it says all is well", async () => {
    const { cases } = await realRun(junitAdapter, { root, files: ["a", "b"], args: ["true"] });
    expect(outcomes(cases)).toEqual(["a::(file) error", "b::(file) error"]);
  });

  test("a bad exit with only good cases is an error of the run", async () => {
    const args = ["sh", "-c", `echo "${XML}" > {result_dir}/x.xml; exit 2`];
    const { cases } = await realRun(junitAdapter, { root, files: [], args });
    expect(outcomes(cases)).toEqual(["::(run) error", "::s > a passed"]);
  });
});
