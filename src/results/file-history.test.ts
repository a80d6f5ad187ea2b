import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMemoryLog } from "../log/index.ts";
import { attempt, CLUSTER, createHistory, document, type History } from "./history.testing.ts";
import { reportedCase, result, spec, submit } from "./history.testing.ts";
import { openLocalResults, type Results } from "./results.ts";

let history: History;
let results: Results;

beforeEach(async () => {
  history = createHistory(createMemoryLog());
  await history.begin();
  const readBlob = async () => null;
  results = await openLocalResults({ log: history.log, dbPath: ":memory:", clusterId: CLUSTER, readBlob });
});

afterEach(() => results.close());

type Cases = Parameters<typeof document>[0];
const passed = (file: string): Cases[number] => reportedCase(`in ${file}`, { file });
const failed = (file: string): Cases[number] => reportedCase(`in ${file}`, { file, outcome: "failed" });

/** One run with one task; `attempts` are its attempts' cases, and it ends with the last. */
async function run(attempts: Cases[], config: object = {}): Promise<{ run_id: string; task_id: string }> {
  const [run_id, task_id] = [history.id(), history.id()];
  await history.run({ type: "open_run", run_id, project: "shop", run_key: null, name: "r" });
  const payload = JSON.stringify({ config: { suite: ".", ...config } });
  await history.run(submit(run_id, [spec(task_id, run_id, { payload, max_retries: attempts.length - 1 })]));
  for (const cases of attempts) {
    const outcome = cases.some((each) => each.outcome === "failed") ? "failed" : "passed";
    await attempt(history, task_id, result({ outcome, document: document(cases) }));
  }
  results.poke(history.tip.position);
  await results.reached(history.tip.position);
  return { run_id, task_id };
}

describe("files that failed lately", () => {
  const failures = (suite = ".") =>
    results.query("recentFailures", { project: "shop", framework: "vitest", suite });

  it("come with how often and how long ago, the last failed first", async () => {
    await run([[failed("a"), failed("old"), passed("fine")]]);
    await run([[failed("a"), passed("old"), passed("fine")]]);
    await run([[passed("a"), passed("old"), failed("new")]]);
    expect(await failures()).toEqual([
      { file: "new", failed_runs: 1, runs_since: 0 },
      { file: "a", failed_runs: 2, runs_since: 1 },
      { file: "old", failed_runs: 1, runs_since: 2 },
    ]);
  });

  it("include what a second attempt made good, and leave out what is ten runs ago", async () => {
    await run([[failed("long ago")]]);
    for (let i = 0; i < 10; i += 1) await run([[passed("long ago")]]);
    await run([[failed("flaky")], [passed("flaky")]]);
    expect(await failures()).toEqual([{ file: "flaky", failed_runs: 1, runs_since: 0 }]);
    expect(await failures("elsewhere")).toEqual([]);
  });
});

describe("cases that may be reused", () => {
  const inputs = "1".repeat(64);
  const reusable = (asked = inputs) => results.query("reusableCases", { project: "shop", inputs: asked });

  it("are those of the newest task that passed with these inputs", async () => {
    await run([[passed("a"), passed("b")]], { inputs });
    const newer = await run([[passed("a")]], { inputs });
    const found = await reusable();
    expect(found.map(({ file }) => file).sort()).toEqual(["a", "b"]);
    expect(found.find(({ file }) => file === "a")).toMatchObject(newer);
    expect(found[0]?.hw_class).toEqual(expect.any(String));
    expect(await reusable("2".repeat(64))).toEqual([]);
  });

  it.each([
    ["a task that failed", [[failed("a")]], {}],
    ["a second attempt", [[failed("a")], [passed("a")]], {}],
    ["a repeat within the framework", [[reportedCase("x", { file: "a", retries: 1 })]], {}],
    ["a run of single cases", [[passed("a")]], { cases: [{ file: "a", name: "x" }] }],
  ])("are none of %s", async (_, attempts, config) => {
    await run(attempts, { inputs, ...config });
    expect(await reusable()).toEqual([]);
  });
});
