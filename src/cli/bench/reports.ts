/** All formats of one large run, made in this process: how long each takes, and the most memory it held. */
import { buildReport, compareRuns, loadHtml, toJson, toJunit, toMarkdown } from "../../reports/index.ts";
import type { CaseFacts, RunFacts, RunReport, TaskFacts } from "../../reports/index.ts";
import { pageParts } from "../report/page-parts.ts";

export interface ReportsFigures {
  cases: number;
  build_ms: number;
  compare_ms: number;
  json_ms: number;
  junit_ms: number;
  markdown_ms: number;
  html_ms: number;
  all_ms: number;
  html_bytes: number;
  max_rss_mb: number;
}

const CASES_OF_A_TASK = 200;
const FAILED_EVERY = 100;
const WORKERS = 8;

export async function benchReports({ cases: count }: { cases: number }): Promise<ReportsFigures> {
  const facts = largeRun(count);
  const began = performance.now();
  const built = timed(() => buildReport(facts));
  const compared = timed(() => compareRuns(built.value, built.value));
  const report: RunReport = { ...built.value, previous: compared.value };
  const json = timed(() => toJson(report).length);
  const junit = timed(() => toJunit(report).length);
  const markdown = timed(() => toMarkdown(report).length);
  const [{ toHtml }, parts] = await Promise.all([loadHtml(), pageParts()]);
  const html = timed(() => toHtml(report, parts).length);
  return {
    cases: count,
    build_ms: built.ms,
    compare_ms: compared.ms,
    json_ms: json.ms,
    junit_ms: junit.ms,
    markdown_ms: markdown.ms,
    html_ms: html.ms,
    all_ms: Math.round(performance.now() - began),
    html_bytes: html.value,
    max_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

function timed<T>(make: () => T): { value: T; ms: number } {
  const began = performance.now();
  const value = make();
  return { value, ms: Math.round(performance.now() - began) };
}

function largeRun(count: number): RunFacts {
  const tasks = Array.from({ length: Math.ceil(count / CASES_OF_A_TASK) }, (_, i) => largeTask(i, count));
  return {
    run: { run_id: "bench", name: "bench", project: "default", url: null },
    started_at: 0,
    ended_at: tasks.length * 1_000,
    environment: {},
    tasks,
    problems: [],
  };
}

function largeTask(number: number, count: number): TaskFacts {
  const first = number * CASES_OF_A_TASK;
  const size = Math.min(CASES_OF_A_TASK, count - first);
  const cases = Array.from({ length: size }, (_, i) => largeCase(first + i));
  const ended_at = (Math.floor(number / WORKERS) + 1) * 1_000;
  const attempt = { attempt: 1, worker_id: `w${number % WORKERS}`, outcome: "failed", ended_at } as const;
  return {
    task_id: `task-${number}`,
    name: `pytest part ${number}`,
    framework: "pytest",
    suite: ".",
    state: "failed",
    reason: null,
    attempts: [{ ...attempt, duration_ms: 900, error: null, log_bytes: 0, cases }],
  };
}

function largeCase(number: number): CaseFacts {
  const base = {
    test_id: number.toString(16).padStart(16, "0").padEnd(64, "0"),
    file: `tests/unit/area_${number % 500}/test_${number % 5_000}.py`,
    name: `TestOfSomething::test_with_a_usual_name_${number}[parameter-${number % 9}]`,
    duration_ms: (number * 37) % 900,
  };
  if (number % FAILED_EVERY !== 0) return { ...base, outcome: "passed" };
  const detail = Array.from({ length: 30 }, (_, i) => `  File "/srv/app/module_${i}.py", line ${number}`);
  return { ...base, outcome: "failed", message: `assert ${number} == 0`, detail: detail.join("\n") };
}
