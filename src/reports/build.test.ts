import { describe, expect, it } from "vitest";
import { buildReport } from "./build.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

describe("cases of a run", () => {
  it("counts a case once when a retry ran it again, and calls it flaky when it passed in the end", () => {
    const failed = anAttempt({ outcome: "failed", cases: [aCase("a", "failed"), aCase("b", "passed")] });
    const passed = anAttempt({ attempt: 2, cases: [aCase("a", "passed"), aCase("b", "passed")] });
    const report = buildReport(aRun([aTask({ attempts: [failed, passed] })]));
    expect(report.totals).toMatchObject({ cases: 2, passed: 2, failed: 0, flaky: 1 });
    expect(report.cases.filter((it) => it.flaky).map((it) => it.name)).toEqual(["a"]);
    expect(report.verdict).toMatchObject({ result: "passed", exit_code: 0 });
  });

  it("keeps two cases of one name two, and finds the right one of them flaky", () => {
    const failed = anAttempt({ outcome: "failed", cases: [aCase("a", "passed"), aCase("a", "failed")] });
    const passed = anAttempt({ attempt: 2, cases: [aCase("a", "passed"), aCase("a", "passed")] });
    const report = buildReport(aRun([aTask({ attempts: [failed, passed] })]));
    expect(report.cases.map((it) => it.flaky)).toEqual([false, true]);
  });

  it("calls a case flaky that its own framework repeated until it passed", () => {
    const report = buildReport(
      aRun([aTask({ attempts: [anAttempt({ cases: [aCase("a", "passed", { retries: 2 })] })] })]),
    );
    expect(report.totals.flaky).toBe(1);
  });

  it("gives a task that timed out a failed case of its own beside those it still reported", () => {
    const cut = anAttempt({ outcome: "timed_out", cases: [aCase("a", "passed")] });
    const report = buildReport(aRun([aTask({ state: "timed_out", attempts: [cut] })]));
    expect(report.cases.map((it) => [it.name, it.outcome])).toEqual([
      ["a", "passed"],
      ["pytest test_a.py", "failed"],
    ]);
    expect(report.verdict.exit_code).toBe(1);
  });

  it("counts a plain command as one case", () => {
    const command = { framework: null, name: "make check", attempts: [anAttempt({ cases: null })] };
    const report = buildReport(aRun([aTask(command)]));
    expect(report.cases.map((it) => [it.name, it.outcome])).toEqual([["make check", "passed"]]);
  });

  it("counts nothing for a suite whose cases were all deselected", () => {
    expect(buildReport(aRun([aTask()])).totals.cases).toBe(0);
  });

  it("makes a failure of a problem of collection, unless its run has shown it", () => {
    const broken = { framework: "pytest", suite: ".", file: "test_b.py", message: "SyntaxError" };
    const shown = { ...broken, file: "test_a.py" };
    const ran = aTask({
      state: "failed",
      attempts: [anAttempt({ outcome: "failed", cases: [aCase("a", "error")] })],
    });
    const report = buildReport(aRun([ran], { problems: [broken, shown] }));
    expect(report.cases.map((it) => [it.file, it.outcome, it.message])).toEqual([
      ["test_a.py", "error", null],
      ["test_b.py", "error", "SyntaxError"],
    ]);
  });
});

describe("the verdict of a run", () => {
  const lost = anAttempt({ outcome: "lost", cases: null });
  const failed = anAttempt({ outcome: "failed", cases: [aCase("a", "failed")] });

  it.each([
    [
      "infrastructure before failed tests",
      [
        { state: "failed", attempts: [lost] },
        { state: "failed", attempts: [failed] },
      ],
      3,
    ],
    ["a poisoned task is infrastructure", [{ state: "poisoned", attempts: [lost] }], 3],
    [
      "a task without a worker before failed tests",
      [
        { state: "queued", attempts: [] },
        { state: "failed", attempts: [failed] },
      ],
      7,
    ],
    ["a failed test", [{ state: "failed", attempts: [failed] }], 1],
    ["a cancelled task", [{ state: "cancelled", attempts: [] }], 1],
    ["nothing at all", [], 7],
    ["only skipped cases", [{ attempts: [anAttempt({ cases: [aCase("a", "skipped")] })] }], 0],
  ] as const)("%s", (_title, tasks, exit_code) => {
    expect(buildReport(aRun(tasks.map((task) => aTask(task)))).verdict.exit_code).toBe(exit_code);
  });
});

describe("a task that was retried within its run", () => {
  it("counts by the task that repeats it, and is flaky when that one passes", () => {
    const bad = aTask({
      task_id: "old",
      state: "failed",
      attempts: [anAttempt({ outcome: "failed", cases: [aCase("a", "failed")] })],
    });
    const good = aTask({
      task_id: "new",
      retry_of: "old",
      attempts: [anAttempt({ cases: [aCase("a", "passed")] })],
    });
    const report = buildReport(aRun([bad, good]));
    expect(report.totals).toMatchObject({ tasks: 2, cases: 1, passed: 1, failed: 0, flaky: 1 });
    expect(report.verdict.exit_code).toBe(0);
  });
});
