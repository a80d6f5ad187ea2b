import { expect, it } from "vitest";
import { buildReport } from "./build.ts";
import type { CaseFacts, TaskFacts } from "./facts.ts";
import { toJson } from "./json.ts";
import { mergeReports, readReport } from "./merge.ts";
import { aCase, anAttempt, aRun, aTask } from "./reports.testing.ts";

function shard(
  run_id: string,
  cases: CaseFacts[],
  more: { project?: string; task?: Partial<TaskFacts> } = {},
) {
  const run = { run_id, name: "shop", project: more.project ?? "default", url: null };
  const attempts = [anAttempt({ worker_id: "w1", cases })];
  const tasks = cases.length === 0 ? [] : [aTask({ attempts, ...more.task })];
  return buildReport(aRun(tasks, { run, environment: { node: "v20", shard: run_id } }));
}

const merged = (...shards: ReturnType<typeof shard>[]) =>
  mergeReports(shards.map((report, i) => ({ name: `s${i}.json`, report })));

it("adds shards up, with the worst verdict, and says what differs between them", () => {
  const failed = { state: "failed", attempts: [anAttempt({ cases: [aCase("b", "failed")] })] } as const;
  const result = merged(
    shard("R1", [aCase("a", "passed")]),
    shard("R2", [aCase("b", "failed")], { task: failed }),
    shard("R3", []),
  );
  expect(result).toMatchObject({
    ok: true,
    report: {
      merged_from: ["R1", "R2", "R3"],
      totals: { tasks: 2, cases: 2, passed: 1, failed: 1 },
      verdict: { exit_code: 1, why: "1 of 2 cases failed" },
      workers: [{ worker_id: "w1", attempts: 2 }],
      environment: { node: "v20", shard: "R1 | R2 | R3" },
    },
  });
});

it("refuses a test that stands in two shards, and says how it ended in each", () => {
  const result = merged(shard("R1", [aCase("a", "passed")]), shard("R2", [aCase("a", "failed")]));
  expect(result).toMatchObject({ ok: false, error: { code: "report_conflict" } });
  expect(result.ok ? "" : result.error.message).toBe(
    "1 test stands in more than one of s0.json, s1.json: test_a.py > a (passed, then failed)",
  );
});

it("refuses reports of different projects", () => {
  const result = merged(shard("R1", []), shard("R2", [], { project: "other" }));
  expect(result).toMatchObject({ ok: false, error: { code: "report_conflict" } });
});

it("passes when nothing but empty shards stand beside one that passed", () => {
  const result = merged(shard("R1", []), shard("R2", [aCase("a", "passed")]));
  expect(result).toMatchObject({ ok: true, report: { verdict: { exit_code: 0 } } });
  expect(merged(shard("R1", []))).toMatchObject({ ok: true, report: { verdict: { exit_code: 7 } } });
});

it("reads what it writes", () => {
  const report = shard("R1", [aCase("a", "passed")]);
  expect(readReport("r.json", toJson(report))).toEqual({ ok: true, report });
});

it.each([
  ["no JSON", "{", "report_unreadable"],
  ["another document", '{"$schema":"urn:other"}', "report_unreadable"],
  ["a later version", toJson(shard("R1", [])).replace('"version": 1', '"version": 2'), "report_version"],
  [
    "a report cut short",
    '{"$schema":"urn:testyard:run-report:v1","version":1,"run":{}}',
    "report_unreadable",
  ],
])("refuses %s, by the name of the file", (_title, text, code) => {
  const result = readReport("r.json", text);
  expect(result).toMatchObject({ ok: false, error: { code, details: { files: ["r.json"] } } });
  expect(result.ok ? "" : result.error.message).toContain("r.json");
});
