import { afterAll, beforeAll, expect, it } from "vitest";
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
let first: string;
let ids: string[];

beforeAll(async () => {
  history = createHistory(createMemoryLog());
  first = await history.begin();
  results = await openLocalResults({
    log: history.log,
    dbPath: ":memory:",
    clusterId: CLUSTER,
    readBlob: async () => null,
  });
  ids = [history.id(), history.id(), history.id()].sort();
  const payload = JSON.stringify({ config: { adapter: "vitest", suite: "web" } });
  const tasks = ids.map((id, i) => spec(id, first, { max_retries: 1, ...(i === 0 && { payload }) }));
  await history.run(submit(first, tasks));
  const failed = document([reportedCase("a", { outcome: "failed", message: "no" })]);
  await attempt(history, ids[0] ?? "", result({ outcome: "failed", document: failed }));
  const passed = document([reportedCase("a"), reportedCase("b")]);
  await attempt(history, ids[0] ?? "", result({ document: passed }));
  await attempt(history, ids[1] ?? "", result({ document: document([reportedCase("c")]) }));
  results.poke(history.tip.position);
  await results.reached(history.tip.position);
});
afterAll(() => results.close());

it("tells of each task what it is of and how each attempt ended, on which machine", async () => {
  const tasks = await results.query("runTasks", { run_id: first, after: "", limit: 10 });
  expect(tasks.map(({ task_id, state, adapter, suite }) => [task_id, state, adapter, suite])).toEqual([
    [ids[0], "completed", "vitest", "web"],
    [ids[1], "completed", null, null],
    [ids[2], "open", null, null],
  ]);
  const attempts = tasks[0]?.attempts ?? [];
  expect(attempts.map(({ attempt: number, outcome }) => [number, outcome])).toEqual([
    [1, "failed"],
    [2, "passed"],
  ]);
  expect(attempts[1]?.hw_class).toEqual(expect.any(String));
  expect(attempts[1]?.capabilities?.cpu.logical_cores).toEqual(expect.any(Number));
  expect(attempts[1]?.artifacts).toEqual([]);
});

it("goes on after the last task that was seen", async () => {
  const second = await results.query("runTasks", { run_id: first, after: ids[0] ?? "", limit: 1 });
  expect(second.map(({ task_id }) => task_id)).toEqual([ids[1]]);
});

it("compares with the newest earlier run of the same name that has ended", async () => {
  const runs: string[] = [];
  for (const name of ["shop", "other", "shop", "shop"]) {
    const run_id = history.id();
    runs.push(run_id);
    await history.run({ type: "open_run", run_id, project: "shop", run_key: null, name });
    const id = history.id();
    await history.run(submit(run_id, [spec(id, run_id)]));
    if (runs.length !== 3) await attempt(history, id, result({ document: document([reportedCase("a")]) }));
  }
  results.poke(history.tip.position);
  await results.reached(history.tip.position);
  const [before, other, , now] = runs;
  expect(await results.query("previousRun", { run_id: now ?? "" })).toEqual({ run_id: before });
  expect(await results.query("previousRun", { run_id: other ?? "" })).toBeNull();
});
