/**
 * The reporter that mocha loads for us: mocha's own "spec" for people, and each event as one JSON line.
 *
 * It also makes the choice of single cases exact: a reporter is made before anything runs and may look at
 * every test and its file, where \`--grep\` only sees titles. mocha says nothing of tests that a broken hook
 * kept from running; they are named here, as errors.
 */
import type { CaseRef } from "./adapter.ts";
import { groupOf } from "./cases.ts";
import { withReport } from "./reporter-source.ts";

export const MOCHA_REPORTER_FILE = "testyard-mocha-reporter.cjs";
export const MOCHA_REPORT_FILE = "mocha.jsonl";

export interface MochaReporterOptions {
  reportPath: string;
  /** Folder of the mocha that loads it. */
  mocha: string;
  /** Real path of the suite root. */
  root: string;
  /** null: everything. */
  cases: readonly CaseRef[] | null;
}

export function mochaReporter({ reportPath, mocha, root, cases }: MochaReporterOptions): string {
  const chosen = cases?.map(({ file, name }) => ({ file, name, group: groupOf(name) }));
  const given = `const MOCHA = ${JSON.stringify(mocha)};
const ROOT = ${JSON.stringify(root)};
const CHOSEN = ${JSON.stringify(chosen ?? null)};
`;
  return withReport(reportPath, given + SOURCE);
}

const SOURCE = `
const { relative, sep } = require("node:path");
const Mocha = require(MOCHA);

function namesOf(each) {
  const names = typeof each.titlePath === "function" ? each.titlePath() : [each.title];
  return names.join(" > ");
}

function idOf(test) {
  return { file: test.file ?? "", name: namesOf(test) };
}

function isSame(one, other) {
  return one.title === other.title && one.parent === other.parent && one.file === other.file;
}

function testsOf(suite) {
  return [...(suite.tests ?? []), ...(suite.suites ?? []).flatMap(testsOf)];
}

function chooser() {
  const exact = new Set(CHOSEN.map((each) => each.file + "\\n" + each.name));
  const groups = CHOSEN.filter((each) => each.group !== null);
  return (test) => {
    const file = relative(ROOT, test.file ?? "").split(sep).join("/");
    const name = namesOf(test);
    if (exact.has(file + "\\n" + name)) return true;
    return groups.some((each) => each.file === file && name.startsWith(each.group + " > "));
  };
}

function choose(suite, isChosen) {
  suite.tests = suite.tests.filter(isChosen);
  // What \`.only\` has gathered takes the place of the tests just before the run.
  if (suite._onlyTests) suite._onlyTests = suite._onlyTests.filter(isChosen);
  for (const child of suite.suites) choose(child, isChosen);
}

function failureOf(error) {
  const message = typeof error === "object" && error !== null ? error.message : error;
  return { message: cut(message), detail: cut(error?.stack ?? message) };
}

module.exports = class TestyardReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    if (CHOSEN !== null && runner.suite?.suites) {
      choose(runner.suite, chooser());
      runner.total = runner.suite.total();
    }
    super(runner, options);
    this.left = new Map();
    this.bail = options?.bail === true || runner.suite?.bail?.() === true;
    runner.once("start", () => this.begins(runner));
    runner.on("test", (test) => write({ kind: "begin", ...idOf(test) }));
    runner.on("pass", (test) => this.ended(test, "passed", { retries: test.currentRetry?.() ?? 0 }));
    runner.on("pending", (test) => this.ended(test, "skipped", {}));
    runner.on("fail", (test, error) => this.failed(test, error));
    runner.once("end", () => this.ends());
  }

  begins(runner) {
    write({ kind: "start", bail: this.bail });
    const { _grep: grep, _invert: invert } = runner;
    const wanted = (test) => !grep || grep.test(test.fullTitle()) !== Boolean(invert);
    const tests = testsOf(runner.suite).filter(wanted);
    for (const test of tests) this.left.set(test, true);
    write({ kind: "plan", cases: tests.map(idOf) });
  }

  ended(test, outcome, more) {
    // A test that is tried again is a copy of the one that was planned.
    if (!this.left.delete(test)) this.left.delete([...this.left.keys()].find((one) => isSame(one, test)));
    write({ kind: "case", ...idOf(test), outcome, duration_ms: test.duration ?? 0, ...more });
  }

  failed(test, error) {
    if (test.type !== "hook") return this.ended(test, "failed", failureOf(error));
    const failure = failureOf(error);
    const message = test.title + ": " + failure.message;
    const group = test.parent && !test.parent.root ? namesOf(test.parent) : "";
    const file = test.file ?? test.parent?.file ?? test.ctx?.currentTest?.file ?? "";
    if (group === "") write({ kind: "problem", file, message, detail: failure.detail });
    else write({ kind: "group", file, name: group, message, detail: failure.detail });
  }

  ends() {
    const why = this.bail ? "mocha stopped at the first failure" : "a hook of its group failed";
    const outcome = this.bail ? "skipped" : "error";
    for (const test of this.left.keys()) {
      write({ kind: "case", ...idOf(test), outcome, message: "not run: " + why });
    }
    write({ kind: "finish" });
  }
};
`;
