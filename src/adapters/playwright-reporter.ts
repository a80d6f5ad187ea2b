/**
 * The reporter that Playwright Test loads for us beside its own "list". Its JSON is one document at the end.
 *
 * A test is reported when no further try follows; a test tried again in a serial group takes the place of
 * what was said of it before. What never ran has no result in Playwright, and is an error here unless the
 * run was told to stop early.
 */
import { withReport } from "./reporter-source.ts";

export const PLAYWRIGHT_REPORTER_FILE = "testyard-playwright-reporter.cjs";
export const PLAYWRIGHT_REPORT_FILE = "playwright.jsonl";

export function playwrightReporter(reportPath: string): string {
  return withReport(reportPath, SOURCE);
}

const SOURCE = `
/** A test may be written in a helper: it belongs to the file that calls the helper. */
function idOf(test) {
  let suite = test.parent;
  const titles = [test.title];
  while (suite && suite.type !== "file") {
    titles.unshift(suite.title);
    suite = suite.parent;
  }
  const project = suite?.project?.()?.name ?? "";
  const file = suite?.location?.file ?? test.location.file;
  return { id: test.id, file, project, name: titles.join(" > ") };
}

function textOf(chunks) {
  return cut((chunks ?? []).map((chunk) => String(chunk)).join(""));
}

function aside(test, result) {
  const all = [...(result?.annotations ?? []), ...(test.annotations ?? [])];
  const found = all.find((each) => ["skip", "fixme"].includes(each.type));
  return found ? (found.description ?? found.type.toUpperCase()) : "";
}

function traceOf(error) {
  return error.stack ?? error.message ?? error.value;
}

function caseOf(test, result) {
  const outcome = test.outcome();
  const errors = result.errors ?? [];
  const expected = { skipped: "skipped", expected: "passed", flaky: "passed", unexpected: "failed" };
  const interrupted = result.status === "interrupted";
  const passedWrongly = result.status === "passed" && outcome === "unexpected";
  return {
    outcome: interrupted ? "error" : expected[outcome],
    duration_ms: result.duration,
    message: outcome === "skipped" ? aside(test, result)
      : passedWrongly ? "expected to fail, and passed"
      : interrupted ? "interrupted"
      : outcome === "unexpected" ? cut(errors[0]?.message ?? errors[0]?.value ?? result.status) : "",
    detail: outcome === "unexpected" ? cut(errors.map(traceOf).join("\\n")) : "",
    stdout: textOf(result.stdout),
    stderr: textOf(result.stderr),
    retries: outcome === "flaky" ? result.retry : 0,
    expected_failure: outcome === "expected" && test.expectedStatus === "failed",
  };
}

module.exports = class TestyardReporter {
  printsToStdio() {
    return false;
  }

  onBegin(config, suite) {
    this.suite = suite;
    this.bail = Number(config.maxFailures ?? 0) > 0;
    write({ kind: "plan", cases: suite.allTests().map(idOf) });
  }

  start() {
    if (!this.started) write({ kind: "start", bail: this.bail });
    this.started = true;
  }

  onTestBegin(test) {
    this.start();
    write({ kind: "begin", ...idOf(test) });
  }

  onTestEnd(test, result) {
    const interrupted = result.status === "interrupted";
    const again = test.outcome() === "unexpected" && result.retry < test.retries && !interrupted;
    if (again) return;
    // In a serial group, after one that failed.
    if (result.status === "skipped" && test.expectedStatus !== "skipped") this.notRun(test);
    else write({ kind: "case", ...idOf(test), ...caseOf(test, result) });
  }

  onError(error) {
    const [message, detail] = [cut(error.message ?? error.value), cut(error.stack ?? error.snippet ?? "")];
    // Said as well, and misleading, when the only file does not load.
    if (this.failed && message.includes("No tests found")) return;
    if (!this.started) this.failed = true;
    write({ kind: "problem", file: error.location?.file ?? "", message, detail });
  }

  onEnd() {
    if (this.failed && !this.started) return;
    this.start();
    for (const test of this.suite?.allTests() ?? []) if (test.results.length === 0) this.notRun(test);
    write({ kind: "finish" });
  }

  notRun(test) {
    if (test.expectedStatus === "skipped") {
      return write({ kind: "case", ...idOf(test), outcome: "skipped", message: aside(test) });
    }
    const message = "Playwright did not run it: what it depends on failed";
    write({ kind: "case", ...idOf(test), outcome: this.bail ? "skipped" : "error", message });
  }
};
`;
