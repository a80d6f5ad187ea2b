import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createMemoryLog } from "../log/index.ts";
import {
  attempt,
  CLUSTER,
  createHistory,
  document,
  type History,
  reportedCase,
  result,
  spec,
  submit,
} from "./history.testing.ts";
import { openLocalResults, type Results } from "./results.ts";

let history: History;
let results: Results;
let run_id: string;

async function freshYard(): Promise<void> {
  history = createHistory(createMemoryLog());
  run_id = await history.begin();
  const readBlob = async () => null;
  results = await openLocalResults({ log: history.log, dbPath: ":memory:", clusterId: CLUSTER, readBlob });
}

async function catchUp(): Promise<void> {
  results.poke(history.tip.position);
  await results.reached(history.tip.position);
}

describe("over one small run", () => {
  let passed: string;
  let failed: string;
  let open: string;

  beforeAll(async () => {
    await freshYard();
    [passed, failed, open] = [history.id(), history.id(), history.id()].sort() as [string, string, string];
    const tasks = [
      spec(passed, run_id, { max_retries: 1, requirements: { os: ["linux"] } }),
      spec(failed, run_id, { payload: { blob: "a".repeat(64) } }),
      spec(open, run_id, { dependencies: [passed], priority: 1 }),
    ];
    await history.run(submit(run_id, tasks, "key-1"));
    const slow = reportedCase("slow", { duration_ms: 900, parameters: "[1]" });
    const broken = reportedCase("quick", { outcome: "failed", message: "no", detail: "trace" });
    await attempt(history, passed, result({ outcome: "failed", document: document([broken]) }));
    await attempt(history, passed, result({ document: document([slow, reportedCase("quick")]) }));
    const error = { code: "spawn_failed", message: "no such program" };
    await attempt(
      history,
      failed,
      result({ outcome: "failed", counts: null, usage: null, exit_code: null, error }),
    );
    await catchUp();
  });

  afterAll(() => results.close());

  it("says how tasks ended, and nothing of open and unknown ones", async () => {
    const task_ids = [passed, failed, open, "unknown"];
    expect(await results.query("endedStates", { task_ids })).toEqual({
      [passed]: "completed",
      [failed]: "failed",
    });
    expect(await results.query("endedStates", { task_ids: [] })).toEqual({});
  });

  it("shows a task as it was submitted and as it ended", async () => {
    expect(await results.query("task", { task_id: passed })).toEqual({
      task_id: passed,
      run_id,
      project: "shop",
      name: `task ${passed}`,
      type: "test",
      state: "completed",
      reason: null,
      priority: 3,
      attempts: 2,
      worker_id: "w1",
      requirements: { os: ["linux"] },
      resources: { cpu_milli: 0, memory_mb: 0, gpu: 0 },
      timeout_ms: 60_000,
      max_retries: 1,
      dependencies: [],
      submitted_at: expect.any(Number) as number,
      started_at: result().started_at,
      ended_at: expect.any(Number) as number,
      config: { test_file: "a.test.ts" },
      payload_blob: null,
      workspace: null,
      retry_of: null,
    });
    expect(await results.query("task", { task_id: "unknown" })).toBeNull();
  });

  it("pages through tasks, newest first, by every filter", async () => {
    const ids = async (filter: object) =>
      (await results.query("tasks", { limit: 10, ...filter })).map((task) => task.task_id);
    expect(await ids({})).toEqual([open, failed, passed]);
    expect(await ids({ limit: 2 })).toEqual([open, failed]);
    expect(await ids({ before_id: failed })).toEqual([passed]);
    expect(await ids({ state: "open" })).toEqual([open]);
    expect(await ids({ state: "completed", project: "shop", run_id })).toEqual([passed]);
    expect(await ids({ project: "other" })).toEqual([]);
    expect((await results.query("tasks", { limit: 1, state: "failed" }))[0]?.payload_blob).toBe(
      "a".repeat(64),
    );
  });

  it("lists the attempts of a task in order", async () => {
    const [first, second] = await results.query("attempts", { task_id: passed });
    expect(first).toMatchObject({ attempt: 1, state: "failed", is_final: false });
    const { usage, counts } = result();
    expect(second).toMatchObject({ attempt: 2, state: "passed", is_final: true, usage, counts, error: null });
    const [broken] = await results.query("attempts", { task_id: failed });
    const error = { code: "spawn_failed", message: "no such program" };
    expect(broken).toMatchObject({ counts: null, usage: null, exit_code: null, error });
  });

  it("lists cases that count, and the others when asked", async () => {
    const names = async (filter: object) =>
      (await results.query("cases", { run_id, ...filter })).map(
        (each) => `${each.attempt} ${each.name} ${each.outcome}`,
      );
    expect(await names({})).toEqual(["2 slow passed", "2 quick passed"]);
    expect(await names({ attempts: "all", outcomes: ["failed"] })).toEqual(["1 quick failed"]);
    expect(await results.query("cases", { task_id: failed })).toEqual([]);
    const [all] = await results.query("cases", { task_id: passed, attempts: "all", limit: 1 });
    expect(all).toMatchObject({
      message: "no",
      detail: "trace",
      framework: "vitest",
      file: "a.test.ts",
      stdout: null,
    });
  });

  it("finds a run by id and by key, with its counts", async () => {
    const run = await results.query("run", { run_id });
    const counts = { open: 1, completed: 1, failed: 1, timed_out: 0, cancelled: 0, skipped: 0 };
    expect(run).toMatchObject({ run_id, project: "shop", run_key: "ci-1", name: "first", total: 3, counts });
    expect(await results.query("runByKey", { project: "shop", key: "ci-1" })).toEqual(run);
    expect(await results.query("runByKey", { project: "other", key: "ci-1" })).toBeNull();
    expect(await results.query("counts", { project: "shop" })).toEqual(counts);
  });

  it("finds what a submission was answered by its key", async () => {
    expect(await results.query("submissionByKey", { project: "shop", key: "key-1" })).toMatchObject({
      submission_id: `s-${passed}`,
      body_hash: "hash of key-1",
      run_id,
      first_task_id: passed,
      count: 3,
    });
    expect(await results.query("submissionByKey", { project: "shop", key: "key-2" })).toBeNull();
  });

  it("lists the slowest cases that count", async () => {
    const slowest = await results.query("slowest", { run_id, limit: 1 });
    expect(slowest).toMatchObject([{ name: "slow", parameters: "[1]", duration_ms: 900, task_id: passed }]);
  });

  it("takes hostile parameters as values", async () => {
    const task_id = "' OR true --";
    expect(await results.query("task", { task_id })).toBeNull();
    expect(await results.query("tasks", { limit: Number.NaN, project: task_id })).toEqual([]);
  });
});

describe("learned durations", () => {
  beforeEach(async () => {
    await freshYard();
    return () => results.close();
  });

  async function runFiles(files: Record<string, number>, whole: number, change: object = {}): Promise<void> {
    const run = history.id();
    await history.run({ type: "open_run", run_id: run, project: "shop", run_key: null, name: "r" });
    const id = history.id();
    await history.run(submit(run, [spec(id, run, change)]));
    const cases = Object.entries(files).map(([file, duration_ms]) =>
      reportedCase(file, { file, duration_ms }),
    );
    await attempt(history, id, result({ duration_ms: whole, document: document(cases) }));
  }

  const learned = async (suite?: string) => {
    await catchUp();
    const filter = { project: "shop", framework: "vitest", ...(suite !== undefined && { suite }) };
    return results.query("learnedDurations", filter);
  };

  it("adds to each file its share of what the attempt took beyond its cases", async () => {
    await runFiles({ "a.test.ts": 100, "b.test.ts": 300 }, 600);
    expect(await learned()).toEqual([
      { file: "a.test.ts", duration_ms: 200, runs: 1 },
      { file: "b.test.ts", duration_ms: 400, runs: 1 },
    ]);
  });

  it("takes the median of the last five runs, so that one bad run moves nothing", async () => {
    for (const duration of [5_000, 5_000, 10, 12, 9_000, 11, 13])
      await runFiles({ "a.test.ts": duration }, duration);
    expect(await learned()).toEqual([{ file: "a.test.ts", duration_ms: 12, runs: 5 }]);
  });

  it("has no less than the cases took when they ran side by side", async () => {
    await runFiles({ "a.test.ts": 100, "b.test.ts": 100 }, 120);
    expect((await learned()).map((each) => each.duration_ms)).toEqual([100, 100]);
  });

  it("tells suites apart by what their tasks name", async () => {
    const payload = (suite: string) => JSON.stringify({ config: { suite } });
    await runFiles({ "a.test.ts": 10 }, 10, { payload: payload("web") });
    await runFiles({ "a.test.ts": 90 }, 90, { payload: payload("api") });
    expect(await learned("web")).toEqual([{ file: "a.test.ts", duration_ms: 10, runs: 1 }]);
  });

  it("learns nothing from attempts that were cut short", async () => {
    const run = history.id();
    await history.run({ type: "open_run", run_id: run, project: "shop", run_key: null, name: "r" });
    const id = history.id();
    await history.run(submit(run, [spec(id, run)]));
    const cut = document([reportedCase("a")]);
    await attempt(history, id, result({ outcome: "timed_out", document: cut }));
    expect(await learned()).toEqual([]);
  });
});
