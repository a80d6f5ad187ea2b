import { expect, it } from "vitest";
import { buildReport, type AttemptFacts, type CaseFacts, type TaskFacts } from "./index.ts";

const aCase = (name: string, outcome: CaseFacts["outcome"]): CaseFacts => ({
  test_id: name,
  file: "test_a.py",
  name,
  outcome,
  duration_ms: 1,
});
const attempt = (outcome: AttemptFacts["outcome"], cases: CaseFacts[] | null): AttemptFacts => ({
  attempt: 1,
  worker_id: "w1",
  outcome,
  ended_at: 1,
  duration_ms: 1,
  error: null,
  cases,
  log_bytes: 0,
});
const task = (task_id: string, more: Partial<TaskFacts>): TaskFacts => ({
  task_id,
  name: "suite",
  framework: "pytest",
  suite: ".",
  state: "completed",
  reason: null,
  attempts: [],
  ...more,
});
const first = task("t", {
  state: "failed",
  attempts: [attempt("failed", [aCase("x", "failed"), aCase("y", "passed")])],
});
const reported = (...tasks: TaskFacts[]) => {
  const run = { run_id: "r", name: "r", project: "default", url: null };
  const report = buildReport({ run, started_at: 0, ended_at: 1, environment: {}, tasks, problems: [] });
  const cases = report.cases.map((it) => `${it.name} ${it.outcome}${it.flaky ? " flaky" : ""}`).sort();
  return { cases, result: report.verdict.result };
};

it("a retry of all cases takes the place of what it repeats", () => {
  const again = task("u", {
    retry_of: "t",
    attempts: [attempt("passed", [aCase("x", "passed"), aCase("z", "passed")])],
  });
  const cases = ["x passed flaky", "z passed"];
  expect(reported(first, again)).toEqual({ cases, result: "passed" });
});

it("a retry of some cases takes the place of those alone", () => {
  const some = { retry_of: "t", is_partial: true };
  const again = task("u", { ...some, attempts: [attempt("passed", [aCase("x", "passed")])] });
  const cases = ["x passed flaky", "y passed"];
  expect(reported(again, first)).toEqual({ cases, result: "passed" });
  const worse = task("u", {
    ...some,
    state: "failed",
    attempts: [attempt("failed", [aCase("x", "failed")])],
  });
  expect(reported(first, worse)).toMatchObject({ cases: ["x failed", "y passed"], result: "failed" });
});

it("a third try decides over the second", () => {
  const second = task("u", {
    retry_of: "t",
    is_partial: true,
    state: "failed",
    attempts: [attempt("failed", [aCase("x", "failed")])],
  });
  const third = task("v", {
    retry_of: "u",
    is_partial: true,
    attempts: [attempt("passed", [aCase("x", "passed")])],
  });
  expect(reported(first, second, third)).toMatchObject({
    cases: ["x passed flaky", "y passed"],
    result: "passed",
  });
});

it("a try that reports nothing leaves the cases as they were, and fails the run", () => {
  const lost = task("u", { retry_of: "t", state: "cancelled" });
  expect(reported(first, lost)).toMatchObject({
    cases: ["suite error", "x failed", "y passed"],
    result: "failed",
  });
});

it("a command that passes in its second try is flaky, and counts once", () => {
  const command = { framework: null, name: "make" };
  const broken = task("t", { ...command, state: "failed", attempts: [attempt("failed", null)] });
  const again = task("u", { ...command, retry_of: "t", attempts: [attempt("passed", null)] });
  expect(reported(broken, again)).toEqual({ cases: ["make passed flaky"], result: "passed" });
});

it("a retry of a task that is not in the report stands for itself", () => {
  expect(
    reported(task("u", { retry_of: "elsewhere", attempts: [attempt("passed", [aCase("x", "passed")])] })),
  ).toEqual({ cases: ["x passed"], result: "passed" });
});
