import { XMLParser, XMLValidator } from "fast-xml-parser";
import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { isoTime, toJunit } from "./junit.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

const parser = new XMLParser({
  ignoreAttributes: false,
  isArray: (name) => name === "testsuite" || name === "testcase",
});

interface Parsed {
  testsuites: {
    "@_tests": string;
    testsuite: { "@_name": string; "@_time": string; testcase: TestCase[] }[];
  };
}
type TestCase = Record<string, unknown>;

function parsed(xml: string): Parsed["testsuites"] {
  expect(XMLValidator.validate(xml)).toBe(true);
  return (parser.parse(xml) as Parsed).testsuites;
}

it("groups by file, in seconds, with class, file, message and reason", () => {
  const cases = [
    aCase("test_x", "failed", {
      file: "py/test_a.py",
      message: "1 < 2",
      detail: "Traceback",
      duration_ms: 1500,
    }),
    aCase("test_y", "skipped", { file: "py/test_a.py", message: "needs a GPU" }),
    aCase("test_z", "passed", { file: "py/deep/test_b.py", stdout: "hello" }),
  ];
  const attempts = [anAttempt({ outcome: "failed", cases })];
  const suites = parsed(toJunit(buildReport(aRun([aTask({ suite: "py", state: "failed", attempts })]))));
  expect(suites["@_tests"]).toBe("3");
  const [first, second] = suites.testsuite;
  expect(first).toMatchObject({
    "@_name": "pytest py/test_a.py",
    "@_failures": "1",
    "@_skipped": "1",
    "@_time": "1.510",
  });
  expect(first?.testcase[0]).toMatchObject({
    "@_name": "test_x",
    "@_classname": "py.test_a",
    "@_file": "py/test_a.py",
    "@_time": "1.500",
    failure: { "@_message": "1 < 2", "#text": "Traceback" },
  });
  expect(first?.testcase[1]).toMatchObject({ skipped: { "@_message": "needs a GPU" } });
  expect(second?.testcase[0]).toMatchObject({ "@_classname": "py.deep.test_b", "system-out": "hello" });
});

it("holds a repeated case once, without a failure when it passed in the end", () => {
  const attempts = [
    anAttempt({ outcome: "failed", cases: [aCase("a", "failed", { message: "boom" })] }),
    anAttempt({ attempt: 2, cases: [aCase("a", "passed")] }),
  ];
  const xml = toJunit(buildReport(aRun([aTask({ attempts })])));
  expect(xml).not.toContain("boom");
  expect(parsed(xml).testsuite[0]?.testcase).toHaveLength(1);
  expect(xml).toContain('<property name="flaky" value="true"/>');
});

it.each([0, 951_782_399_000, 951_868_800_000, 1_709_164_800_000, 4_102_444_800_000])(
  "tells the time %i as Date does",
  (ms) => {
    expect(isoTime(ms)).toBe(new Date(ms).toISOString().replace(".000Z", "Z"));
  },
);
