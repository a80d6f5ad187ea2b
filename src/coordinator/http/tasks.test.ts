import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type {
  Page,
  RunView,
  SubmitAnswer,
  TaskDetail,
  TaskExplanation,
  TaskView,
} from "../../protocol/index.ts";
import {
  AUTHORIZED,
  finishTask,
  forgetTasks,
  openYard,
  post,
  registerWorker,
  startTask,
  type Yard,
} from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
});
afterEach(() => yard.close());

const command = (name: string, ...dependencies: string[]) => ({
  type: "command",
  name,
  config: { command: ["true"] },
  dependencies,
});

async function get<T>(url: string): Promise<T> {
  const response = await yard.app.inject({ url });
  expect(response.statusCode, response.body).toBe(200);
  return response.json<T>();
}

async function submit(...tasks: object[]): Promise<SubmitAnswer> {
  const response = await post(yard, "/api/tasks/bulk", { tasks });
  expect(response.statusCode, response.body).toBe(201);
  return response.json<SubmitAnswer>();
}

const forget = (...ids: string[]) => forgetTasks(yard, ...ids);

describe("submitting", () => {
  test("one task, as people write it, is answered with its place once it is durable", async () => {
    const benchmark = {
      type: "benchmark",
      priority: 1,
      timeout_seconds: 1800,
      dependencies: [],
      config: {
        model: "bert-base-uncased",
        batch_sizes: [1, 2, 4, 8, 16],
        precision: "fp16",
        iterations: 100,
      },
      requirements: { hardware: ["cuda"], min_memory_gb: 8, min_cuda_compute: 7.5 },
      retry_policy: { max_retries: 3, retry_delay_seconds: 60 },
    };
    registerWorker(yard);
    const response = await post(yard, "/api/tasks", benchmark);
    expect(response.statusCode).toBe(201);
    const { task_id, state } = response.json<TaskView>();
    expect(state).toBe("queued");
    expect(response.headers["location"]).toBe(`/api/tasks/${task_id}`);
    expect(Number(response.headers["x-testyard-position"])).toBe((await yard.log.tip()).position);
    const detail = await get<TaskDetail>(`/api/tasks/${task_id}`);
    expect(detail).toMatchObject({
      priority: 1,
      timeout_ms: 1_800_000,
      max_retries: 3,
      config: benchmark.config,
    });
    expect(detail.explanation?.workers).toMatchObject([{ worker_id: "w1", verdict: "does_not_fit" }]);
    expect(detail.reason).toContain("cuda");
  });

  test("a task opens a run of its own, or joins the one that is named", async () => {
    const { run_id } = (await post(yard, "/api/runs", { name: "mine" })).json<RunView>();
    const own = (await post(yard, "/api/tasks", command("a"))).json<TaskView>();
    const joined = (await post(yard, `/api/tasks?run_id=${run_id}`, command("b"))).json<TaskView>();
    expect(joined.run_id).toBe(run_id);
    expect(own.run_id).not.toBe(run_id);
    expect(await get<RunView>(`/api/runs/${run_id}`)).toMatchObject({ name: "mine", total: 1, open: 1 });
  });

  test("dependencies by name and by id become ids", async () => {
    const first = await submit(command("build"));
    const { task_ids } = await submit(command("lint"), command("test", "lint", first.task_ids[0] ?? ""));
    const { dependencies, state } = await get<TaskView>(`/api/tasks/${task_ids[1]}`);
    expect(dependencies).toEqual([task_ids[0], first.task_ids[0]]);
    expect(state).toBe("pending");
  });

  test("a dependency that memory has forgotten counts as it ended", async () => {
    const { task_ids } = await submit(command("good"), command("bad"));
    const [good = "", bad = ""] = task_ids;
    registerWorker(yard);
    startTask(yard, good);
    finishTask(yard, good);
    yard.coordinator.loop.execute({ type: "cancel_task", task_id: bad, reason: "" });
    await forget(good, bad);
    const next = await submit(command("after good", good), command("after bad", bad));
    expect((await get<TaskView>(`/api/tasks/${next.task_ids[0]}`)).state).toBe("queued");
    const skipped = await get<TaskView>(`/api/tasks/${next.task_ids[1]}`);
    expect(skipped).toMatchObject({ state: "skipped", reason: `dependency ${bad} ended as cancelled` });
  });
});

describe("submitting much", () => {
  test("ten thousand tasks come in one body and get consecutive ids", async () => {
    const tasks = Array.from({ length: 10_000 }, (_, i) => command(`task ${i}`));
    const { task_ids } = await submit(...tasks);
    expect(new Set(task_ids).size).toBe(10_000);
    expect(task_ids).toEqual(task_ids.toSorted());
    expect(yard.coordinator.loop.state.tasks.get(task_ids[9_999] ?? "")?.spec.name).toBe("task 9999");
  });

  test("a large config lies in the blob store and is shown all the same", async () => {
    const config = { command: ["true"], note: "x".repeat(100_000) };
    const { task_ids } = await submit({ type: "command", config });
    const payload = yard.coordinator.loop.state.tasks.get(task_ids[0] ?? "")?.spec.payload;
    expect(payload).toHaveProperty("blob");
    expect((await get<TaskDetail>(`/api/tasks/${task_ids[0]}`)).config).toEqual(config);
  });

  test("the environment of a task is not shown", async () => {
    const { task_ids } = await submit({ ...command("a"), env: { SECRET: "canary" } });
    expect(JSON.stringify(await get(`/api/tasks/${task_ids[0]}`))).not.toContain("canary");
  });
});

describe("an Idempotency-Key", () => {
  const key = { "idempotency-key": "k1" };
  const body = { tasks: [command("a"), command("b")] };

  test("sent again with the same body gets the same answer and adds nothing", async () => {
    const first = (await post(yard, "/api/tasks/bulk", body, key)).json<SubmitAnswer>();
    const position = (await yard.log.tip()).position;
    const again = (await post(yard, "/api/tasks/bulk", body, key)).json<SubmitAnswer>();
    expect(again).toEqual({ ...first, replayed: true });
    expect((await yard.log.tip()).position).toBe(position);
  });

  test("that is too old for the state is answered from the results", async () => {
    const first = (await post(yard, "/api/tasks/bulk", body, key)).json<SubmitAnswer>();
    const { loop } = yard.coordinator;
    await yard.context.results.reached(loop.committedPosition);
    loop.state.idempotency.clear();
    yard.context.logSince = 0;
    const again = (await post(yard, "/api/tasks/bulk", body, key)).json<SubmitAnswer>();
    expect(again).toEqual({ ...first, replayed: true });
    const other = await post(yard, "/api/tasks/bulk", { tasks: [command("c")] }, key);
    expect(other.json()).toMatchObject({ status: 422, code: "idempotency_key_reused" });
    expect(loop.state.tasks.size).toBe(2);
  });

  test("sent with another body is refused", async () => {
    await post(yard, "/api/tasks/bulk", body, key);
    const other = await post(yard, "/api/tasks/bulk", { tasks: [command("c")] }, key);
    expect(other.json()).toMatchObject({ status: 422, code: "idempotency_key_reused" });
    expect(
      await get<RunView>(`/api/runs/${(await get<Page<RunView>>("/api/runs")).items[0]?.run_id}`),
    ).toMatchObject({
      total: 2,
    });
  });

  test("sent while the first is being taken in is refused for the moment", async () => {
    const large = { tasks: [{ type: "command", config: { command: ["true"], note: "x".repeat(100_000) } }] };
    const answers = await Promise.all([1, 2].map(() => post(yard, "/api/tasks/bulk", large, key)));
    expect(answers.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([201, 409]);
    expect(answers.find(({ statusCode }) => statusCode === 409)?.json()).toMatchObject({
      code: "idempotency_in_flight",
    });
    expect(yard.coordinator.loop.state.tasks.size).toBe(1);
  });

  test("of a single task answers with the task as it is now", async () => {
    const first = (await post(yard, "/api/tasks", command("a"), key)).json<TaskView>();
    await yard.app.inject({ method: "DELETE", url: `/api/tasks/${first.task_id}`, headers: AUTHORIZED });
    const again = (await post(yard, "/api/tasks", command("a"), key)).json<
      TaskView & { replayed: boolean }
    >();
    expect(again).toMatchObject({ task_id: first.task_id, state: "cancelled", replayed: true });
  });
});

describe("listing tasks", () => {
  async function everyPage(query: string): Promise<TaskView[]> {
    const all: TaskView[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const at: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const page: Page<TaskView> = await get<Page<TaskView>>(`/api/tasks?limit=7${query}${at}`);
      all.push(...page.items);
      cursor = page.next_cursor;
    }
    return all;
  }

  test("shows memory and results as one list, newest first, each task once", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 30; i++) ids.push(...(await submit(command(`task ${i}`))).task_ids);
    const { loop } = yard.coordinator;
    for (const task_id of ids.filter((_, i) => i % 2 === 0))
      loop.execute({ type: "cancel_task", task_id, reason: "" });
    await forget(...ids.filter((_, i) => i % 4 === 0));
    expect(loop.state.tasks.size).toBe(22);
    const newestFirst = ids.toSorted().reverse();
    expect((await everyPage("")).map(({ task_id }) => task_id)).toEqual(newestFirst);
    const cancelled = await everyPage("&state=cancelled");
    expect(cancelled.map(({ task_id }) => task_id)).toEqual(
      ids
        .filter((_, i) => i % 2 === 0)
        .toSorted()
        .reverse(),
    );
    expect(new Set(cancelled.map(({ state }) => state))).toEqual(new Set(["cancelled"]));
  });

  test("goes on from a cursor unmoved by what has come in since", async () => {
    for (let i = 0; i < 5; i++) await submit(command(`old ${i}`));
    const page = await get<Page<TaskView>>("/api/tasks?limit=2");
    await submit(command("new"));
    const next = await get<Page<TaskView>>(`/api/tasks?limit=10&cursor=${page.next_cursor}`);
    expect([...page.items, ...next.items].map(({ name }) => name)).toHaveLength(5);
    expect(next.next_cursor).toBeNull();
    expect(next.items.every(({ name }) => name.startsWith("old"))).toBe(true);
  });

  test("filters by run and by project", async () => {
    const mine = await submit(command("a"));
    const body = { tasks: [command("b")], project: "other" };
    await post(yard, "/api/tasks/bulk", body);
    const names = async (query: string) => (await everyPage(query)).map(({ name }) => name);
    expect(await names(`&run_id=${mine.run_id}`)).toEqual(["a"]);
    expect(await names("&project=other")).toEqual(["b"]);
    expect(await names("&project=default")).toEqual(["a"]);
  });
});

describe("one task", () => {
  test("that has ended shows its attempts, in memory and after it was forgotten", async () => {
    registerWorker(yard);
    const { task_ids } = await submit(command("a"));
    const [id = ""] = task_ids;
    startTask(yard, id);
    expect((await get<TaskDetail>(`/api/tasks/${id}`)).attempt_list).toMatchObject([
      { attempt: 1, state: "running" },
    ]);
    finishTask(yard, id);
    await yard.coordinator.loop.committed();
    await yard.context.results.reached(yard.coordinator.loop.committedPosition);
    const live = await get<TaskDetail>(`/api/tasks/${id}`);
    expect(live).toMatchObject({ state: "completed", attempts: 1, worker_id: "w1", explanation: null });
    expect(live.attempt_list).toMatchObject([{ attempt: 1, state: "passed", worker_id: "w1", exit_code: 0 }]);
    await forget(id);
    const old = await get<TaskDetail>(`/api/tasks/${id}`);
    expect({ ...old, started_at: live.started_at }).toEqual(live);
    expect(await get(`/api/tasks/${id}/explain`)).toMatchObject({ state: "completed", workers: [] });
  });

  test("that has ended is explained by its attempts: where it went, and what it had waited for", async () => {
    registerWorker(yard);
    const { task_ids } = await submit(command("a"), command("b", "a"));
    const [first = "", second = ""] = task_ids;
    for (const id of [first, second]) {
      startTask(yard, id);
      finishTask(yard, id);
    }
    const explained = await get<TaskExplanation>(`/api/tasks/${second}/explain`);
    expect(explained).toMatchObject({
      name: "b",
      state: "completed",
      summary: expect.stringMatching(/^ended as completed on w1 with attempt 1/),
      attempts: [{ attempt: 1, worker_id: "w1", state: "passed", duration_ms: 5 }],
    });
    await forget(first, second);
    expect(await get(`/api/tasks/${second}/explain`)).toMatchObject({ attempts: explained.attempts });
  });

  test("that never ran is explained by its end", async () => {
    const { task_ids } = await submit(command("a"), command("b", "a"));
    yard.coordinator.loop.execute({ type: "cancel_task", task_id: task_ids[0] ?? "", reason: "no" });
    const { summary, attempts } = await get<TaskExplanation>(`/api/tasks/${task_ids[1]}/explain`);
    expect(attempts).toEqual([]);
    expect(summary).toBe(`ended as skipped without an attempt: dependency ${task_ids[0]} ended as cancelled`);
  });

  test("is cancelled once; the second time it says that it has ended, in memory and forgotten", async () => {
    const { task_ids } = await submit(command("a"), command("b", "a"));
    const [id = ""] = task_ids;
    const cancel = () => yard.app.inject({ method: "DELETE", url: `/api/tasks/${id}`, headers: AUTHORIZED });
    expect((await cancel()).json()).toMatchObject({ task_id: id, state: "cancelled" });
    expect(await get(`/api/tasks/${task_ids[1]}`)).toMatchObject({ state: "skipped" });
    const again = { status: 409, code: "task_ended", details: { state: "cancelled" } };
    expect((await cancel()).json()).toMatchObject(again);
    await forget(id);
    expect((await cancel()).json()).toMatchObject(again);
  });

  test("is released only from being poisoned", async () => {
    const { task_ids } = await submit(command("a"));
    const response = await post(yard, `/api/tasks/${task_ids[0]}/release`, {});
    expect(response.json()).toMatchObject({ status: 409, code: "task_not_poisoned" });
  });
});

describe("runs", () => {
  test("attach by their key, and keep their counts when their tasks are forgotten", async () => {
    const open = async () =>
      (await post(yard, "/api/runs", { run_key: "ci/7", name: "seven" })).json<RunView>();
    const first = await open();
    expect(await open()).toEqual(first);
    const { run_id } = (
      await post(yard, "/api/tasks/bulk", { run: { run_key: "ci/7" }, tasks: [command("a")] })
    ).json<SubmitAnswer>();
    expect(run_id).toBe(first.run_id);
    const { items } = await get<Page<TaskView>>(`/api/tasks?run_id=${run_id}`);
    yard.coordinator.loop.execute({ type: "cancel_task", task_id: items[0]?.task_id ?? "", reason: "" });
    await forget(items[0]?.task_id ?? "");
    expect(await get(`/api/runs/${run_id}`)).toMatchObject({ total: 1, open: 0, counts: { cancelled: 1 } });
  });

  test("are listed newest first, page by page", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 5; i++)
      ids.push((await post(yard, "/api/runs", { name: `${i}` })).json<RunView>().run_id);
    const page = await get<Page<RunView>>("/api/runs?limit=3");
    const rest = await get<Page<RunView>>(`/api/runs?limit=3&cursor=${page.next_cursor}`);
    expect([...page.items, ...rest.items].map(({ run_id }) => run_id)).toEqual(ids.toSorted().reverse());
    expect(rest.next_cursor).toBeNull();
  });

  test("are cancelled with everything in them", async () => {
    const { run_id } = await submit(command("a"), command("b", "a"), command("c"));
    const response = await post(yard, `/api/runs/${run_id}/cancel`, {});
    expect(response.json()).toMatchObject({ open: 0, counts: { cancelled: 2, skipped: 1 } });
  });

  test("show their cases page by page", async () => {
    registerWorker(yard);
    const { run_id, task_ids } = await submit(command("a"), command("b"));
    const cases = Array.from({ length: 5 }, (_, i) => ({
      test_id: "0".repeat(64),
      file: "a.test",
      name: `case ${i}`,
      outcome: "passed",
      duration_ms: 1,
    }));
    for (const id of task_ids) {
      startTask(yard, id);
      finishTask(yard, id, JSON.stringify({ format: 1, framework: "tap", cases, metrics: [] }));
    }
    await yard.coordinator.loop.committed();
    await yard.context.results.reached(yard.coordinator.loop.committedPosition);
    const seen: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const at: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const page = await get<Page<{ task_id: string; name: string }>>(
        `/api/runs/${run_id}/cases?limit=4${at}`,
      );
      seen.push(...page.items.map(({ task_id, name }) => `${task_id} ${name}`));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(task_ids.flatMap((id) => cases.map(({ name }) => `${id} ${name}`)));
    const { items } = await get<{ items: object[] }>("/api/durations?framework=tap");
    expect(items).toMatchObject([{ file: "a.test", runs: 1 }]);
  });
});

test("status, workers and the overview agree, and say how fresh they are", async () => {
  registerWorker(yard);
  await submit(command("a"));
  const response = await yard.app.inject({ url: "/api/status?consistent=true" });
  expect(response.headers).toMatchObject({ "x-testyard-epoch": "1", "x-testyard-role": "leader" });
  expect(Number(response.headers["x-testyard-position"])).toBe((await yard.log.tip()).position);
  const overview = await get<{ status: object; workers: object[]; tasks: object[]; runs: object[] }>(
    "/api/dashboard",
  );
  expect(overview.status).toMatchObject({ tasks: { queued: 1 }, workers: { online: 1, connected: 0 } });
  expect(overview.workers).toEqual(await get("/api/workers"));
  expect(await get("/api/workers/w1")).toMatchObject({ state: "disconnected", slots: 8, busy: 0 });
  expect(overview.tasks).toEqual((await get<Page<TaskView>>("/api/tasks")).items);
  expect(await get("/readyz")).toMatchObject({ status: "ready" });
});
