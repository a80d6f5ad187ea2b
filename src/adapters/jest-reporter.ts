/**
 * The reporter that jest loads for us. jest's JSON is one document at the very end, without the project that
 * a case belongs to; this one writes each case as it ends, and at a file's end all of it once more, because
 * only then jest tells which cases it skipped.
 */
import { withReport } from "./reporter-source.ts";

export const JEST_REPORTER_FILE = "testyard-jest-reporter.cjs";
export const JEST_REPORT_FILE = "jest.jsonl";

export function jestReporter(reportPath: string): string {
  return withReport(reportPath, SOURCE);
}

const SOURCE = `
const OUTCOMES = { passed: "passed", failed: "failed" };

function projectOf(test) {
  const name = test?.context?.config?.displayName;
  return String(name?.name ?? name ?? "");
}

function nameOf(result) {
  return [...(result.ancestorTitles ?? []), result.title].join(" > ");
}

function caseOf(result) {
  const failures = result.failureMessages ?? [];
  const first = String(failures[0] ?? "");
  const stack = first.search(/\\n\\s+at /);
  const tries = Number(result.invocations ?? 1) - 1;
  return {
    name: nameOf(result),
    outcome: OUTCOMES[result.status] ?? "skipped",
    duration_ms: result.duration ?? 0,
    message: result.status === "todo" ? "TODO" : cut(stack < 0 ? first : first.slice(0, stack)),
    detail: cut(failures.join("\\n")),
    retries: tries,
    expected_failure: result.status === "passed" && result.failing === true,
  };
}

/** Of a hook that broke after the tests, only the text for people says what it was. */
function messageOf(error, result) {
  const lines = String(result.failureMessage ?? "").split("\\n").map((line) => line.trim());
  const at = lines.findIndex((line) => line.includes("Test suite failed to run"));
  return error.message || lines.slice(at + 1).find((line) => line !== "") || String(error);
}

module.exports = class TestyardReporter {
  constructor(globalConfig) {
    write({ kind: "start", bail: Number(globalConfig?.bail ?? 0) > 0 });
  }

  onTestFileStart(test) {
    write({ kind: "file", file: test.path });
  }

  // Of a file in several projects jest tells here the wrong one; at the file's end it tells the right one.
  onTestCaseStart(test, info) {
    write({ kind: "begin", file: test.path, name: nameOf(info) });
  }

  onTestCaseResult(test, result) {
    write({ kind: "case", file: test.path, ...caseOf(result) });
  }

  onTestFileResult(test, result) {
    const cases = (result.testResults ?? []).map(caseOf);
    write({ kind: "file_done", file: test.path, project: projectOf(test), cases });
    const error = result.testExecError;
    if (!error) return;
    const project = projectOf(test);
    const [message, detail] = [cut(messageOf(error, result)), cut(result.failureMessage ?? error.stack)];
    write({ kind: "problem", file: test.path, project, message, detail });
  }

  // Before jest 26.
  onTestStart(test) {
    this.onTestFileStart(test);
  }

  onTestResult(test, result) {
    this.onTestFileResult(test, result);
  }

  onRunComplete(_contexts, results) {
    const error = results?.runExecError;
    if (error) write({ kind: "problem", file: "", message: cut(error.message) });
    write({ kind: "finish" });
  }

  getLastError() {}
};
`;
