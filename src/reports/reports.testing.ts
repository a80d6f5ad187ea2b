/** Short ways to say what happened in a run. */
import { buildReport } from "./build.ts";
import { compareRuns } from "./compare.ts";
import type { AttemptFacts, CaseFacts, RunFacts, TaskFacts } from "./facts.ts";
import type { CaseReport, RunReport } from "./model.ts";

let made = 0;

export function aCase(name: string, outcome: CaseFacts["outcome"], more: Partial<CaseFacts> = {}): CaseFacts {
  return { test_id: `id of ${name}`, file: "test_a.py", name, outcome, duration_ms: 10, ...more };
}

export function anAttempt(more: Partial<AttemptFacts> = {}): AttemptFacts {
  return {
    attempt: 1,
    worker_id: "w1",
    outcome: "passed",
    ended_at: 2000,
    duration_ms: 100,
    error: null,
    cases: [],
    log_bytes: 0,
    ...more,
  };
}

export function aTask(more: Partial<TaskFacts> = {}): TaskFacts {
  made += 1;
  return {
    task_id: `T${made}`,
    name: "pytest test_a.py",
    framework: "pytest",
    suite: ".",
    state: "completed",
    reason: null,
    attempts: [anAttempt()],
    ...more,
  };
}

export function aRun(tasks: readonly TaskFacts[], more: Partial<RunFacts> = {}): RunFacts {
  return {
    run: { run_id: "R1", name: "demo", project: "default", url: null },
    started_at: 1_000,
    ended_at: 3_500,
    environment: {},
    tasks,
    problems: [],
    ...more,
  };
}

const MACHINE = {
  hw_class: "hw1-0123456789abcdef",
  os: "linux",
  arch: "x64",
  cpu_model: "Quiet CPU 2.0",
  physical_cores: 4,
  logical_cores: 8,
  memory_mb: 16_384,
  gpus: ["Bright GPU 24"],
};

const failure = (name: string, line: number, more: Partial<CaseFacts> = {}) =>
  aCase(name, "failed", {
    message: `expected ${line} to equal ${line + 1}`,
    detail: `Traceback\n  File "/srv/shop/test_a.py", line ${line}\nAssertionError`,
    duration_ms: 40 + line,
    ...more,
  });

/** One of everything that a report can show, with fixed ids: what the golden files are made of. */
function usualFacts(): RunFacts {
  const first = anAttempt({
    outcome: "failed",
    ended_at: 1_900,
    duration_ms: 800,
    hardware: MACHINE,
    log_bytes: 9_000,
    log_tail: "… Traceback\nAssertionError: expected 3 to equal 4\n",
    artifacts: [{ path: "shots/cart.png", sha256: "ab".repeat(32), size_bytes: 20_480 }],
    cases: [
      aCase("adds", "passed"),
      failure("sums", 3),
      failure("multiplies", 7),
      aCase("retries", "failed"),
    ],
  });
  const second = anAttempt({
    attempt: 2,
    worker_id: "w2",
    outcome: "failed",
    ended_at: 3_200,
    duration_ms: 900,
    hardware: MACHINE,
    log_bytes: 8_000,
    log_tail: "AssertionError: expected 3 to equal 4\n",
    cases: [
      aCase("adds", "passed", { stdout: "1 + 1" }),
      failure("sums", 3),
      failure("multiplies", 7),
      aCase("retries", "passed"),
    ],
  });
  const skipped = [aCase("needs a GPU", "skipped", { message: "no GPU here", file: "web/b.test.ts" })];
  const slow = [aCase("waits", "passed", { duration_ms: 1_700, file: "web/b.test.ts" })];
  return aRun(
    [
      aTask({ task_id: "T1", state: "failed", reason: "tests failed", attempts: [first, second] }),
      aTask({
        task_id: "T2",
        name: "vitest b.test.ts",
        framework: "vitest",
        suite: "web",
        attempts: [anAttempt({ ended_at: 3_400, duration_ms: 2_000, cases: [...slow, ...skipped] })],
      }),
      aTask({
        task_id: "T3",
        name: "make check",
        framework: null,
        reused_from: { run_id: "R0", task_id: "T0" },
        attempts: [anAttempt({ cases: null, duration_ms: 12_000, ended_at: 1_100 })],
      }),
      aTask({
        task_id: "T4",
        name: "./deploy --dry-run",
        framework: null,
        state: "timed_out",
        attempts: [anAttempt({ cases: null, outcome: "timed_out", ended_at: 3_450, duration_ms: 2_400 })],
      }),
    ],
    {
      run: { run_id: "R1", name: "shop", project: "default", url: null },
      environment: { testyard: "1.2.3", node: "v20.0.0", git_commit: "c0ffee", git_dirty: "yes" },
      problems: [{ framework: "pytest", suite: ".", file: "test_b.py", message: "SyntaxError: line 3" }],
    },
  );
}

export function usualReport(): RunReport {
  const report = buildReport(usualFacts());
  const earlier = {
    ...report,
    run: { ...report.run, run_id: "R0" },
    started_at: 500,
    duration_ms: 4_000,
    environment: { git_commit: "decade" },
    cases: [
      ...report.cases.map((it) => earlierCase(it)),
      {
        ...buildReport(aRun([aTask()])),
        ...report.cases[0],
        test_id: "id of old",
        name: "old",
      } as CaseReport,
    ],
  };
  return { ...report, previous: compareRuns(report, earlier) };
}

function earlierCase(it: CaseReport): CaseReport {
  if (it.name === "sums") return { ...it, outcome: "passed" };
  if (it.name === "adds") return { ...it, outcome: "failed" };
  return it.name === "waits" ? { ...it, duration_ms: 600 } : it;
}

/** What a test may be called and may print when somebody means harm, or only has bad luck. */
export const HOSTILE = [
  "=cmd|' /C calc'!A0",
  "<script>alert(1)</script>",
  "</script><img src=x onerror=alert(1)>",
  "\u001b[31mred\u001b[0m \u001b]0;title\u0007",
  "]]> <![CDATA[ &amp; &#0;",
  "\u202egnp.exe\u202c right to left",
  "a|b\\|c `tick` ``two`` *bold* @everyone #1 [link](javascript:alert(1))",
  "line one\n# heading\n| a | b |\n```\nfence",
  "\ud800 half a pair \u0000\u0008\uffff",
  "x".repeat(10_000),
  "__proto__",
  "",
];

export function hostileReport(): RunReport {
  const cases = HOSTILE.flatMap((text) => [
    aCase(text, "failed", { file: text, message: text, detail: text, stdout: text, stderr: text }),
    aCase(`${text}2`, "passed", { parameters: text, retries: 1 }),
  ]);
  const tasks = HOSTILE.map((text, i) =>
    aTask({
      task_id: `T${i}`,
      name: text,
      suite: text,
      framework: text,
      state: "failed",
      reason: text,
      attempts: [
        anAttempt({
          worker_id: text,
          outcome: "failed",
          log_tail: text,
          cases: i === 0 ? cases : null,
          error: { code: "x", message: text },
          artifacts: [{ path: text, sha256: "cd".repeat(32), size_bytes: 1 }],
          hardware: { ...MACHINE, cpu_model: text },
        }),
      ],
    }),
  );
  const run = { run_id: HOSTILE[1] ?? "", name: HOSTILE.join(" "), project: "default", url: null };
  const report = buildReport(aRun(tasks, { run, environment: { git_branch: HOSTILE[6] ?? "" } }));
  return { ...report, previous: compareRuns(report, { ...report, cases: report.cases.slice(3) }) };
}

export function manyCases(count: number): RunFacts {
  const outcomes = Array.from({ length: count }, (_, i) => i);
  const perTask = 1_000;
  const tasks = Array.from({ length: Math.ceil(count / perTask) }, (_, t) => {
    const cases = outcomes.slice(t * perTask, (t + 1) * perTask).map((i) => manyCase(i));
    const ended_at = 5_000 + Math.floor(t / 4) * 4_000;
    const attempt = { outcome: "failed", hardware: MACHINE, worker_id: `w${t % 4}`, ended_at } as const;
    return aTask({
      task_id: `T${t}`,
      name: `pytest part ${t}`,
      state: "failed",
      attempts: [anAttempt({ ...attempt, duration_ms: 3_000 + (t % 7) * 100, cases })],
    });
  });
  return aRun(tasks);
}

function manyCase(i: number): CaseFacts {
  const file = `tests/unit/area_${i % 500}/test_${i % 5_000}.py`;
  const more = {
    test_id: i.toString(16).padStart(16, "0").padEnd(64, "0"),
    file,
    duration_ms: (i * 37) % 900,
  };
  if (i % 100 === 0)
    return failure(`test_number_${i}`, i, {
      ...more,
      message: `cause ${"abcdefg"[i % 7] ?? ""}: expected ${i} items`,
    });
  return aCase(`test_number_${i}`, i % 50 === 1 ? "skipped" : "passed", more);
}
