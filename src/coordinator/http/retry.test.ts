import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Page, RunView, SubmitAnswer, TaskDetail, TaskView } from "../../protocol/index.ts";
import {
  failTask,
  finishTask,
  forgetTasks,
  openYard,
  post,
  registerWorker,
  settled,
  startTask,
  type Yard,
} from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
  registerWorker(yard);
});
afterEach(() => yard.close());

const SECRET = { TOKEN: "s3cret" };
const command = (name: string, ...dependencies: string[]) => ({
  type: "command",
  name,
  config: { command: ["true"] },
  env: SECRET,
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

async function failing(...tasks: object[]): Promise<SubmitAnswer> {
  const answer = await submit(...tasks);
  fail(answer.task_ids[0] ?? "");
  return answer;
}

function fail(id: string): void {
  startTask(yard, id);
  failTask(yard, id);
}

function pass(id: string): void {
  startTask(yard, id);
  finishTask(yard, id);
}

async function retry(id: string, body: object | "" = "", key?: string) {
  const headers = key === undefined ? {} : { "idempotency-key": key };
  const response = await post(yard, `/api/tasks/${id}/retry`, body, headers);
  return { status: response.statusCode, body: response.json<TaskView & { code: string; details: object }>() };
}

async function retryRun(id: string, body: object | "" = "") {
  const response = await post(yard, `/api/runs/${id}/retry`, body);
  expect(response.statusCode, response.body).toBe(201);
  return response.json<SubmitAnswer>();
}

const payloadOf = (id: string): unknown => {
  const payload = yard.coordinator.loop.state.tasks.get(id)?.spec.payload;
  return typeof payload === "string" ? JSON.parse(payload) : payload;
};

describe("repeating a task", () => {
  test("makes a new one in the same run, with everything that it was submitted with", async () => {
    const { run_id, task_ids } = await failing(command("a"));
    const [old = ""] = task_ids;
    const { status, body } = await retry(old);
    expect(status).toBe(201);
    expect(body).toMatchObject({ run_id, name: "a", retry_of: old, state: "queued" });
    expect(payloadOf(body.task_id)).toMatchObject({ config: { command: ["true"] }, env: SECRET });
    expect(await get(`/api/tasks/${old}`)).toMatchObject({ state: "failed", retried_as: body.task_id });
    expect(await get(`/api/runs/${run_id}`)).toMatchObject({ total: 2, state: "open" });
    pass(body.task_id);
    expect(await get(`/api/runs/${run_id}`)).toMatchObject({ state: "passed", superseded: { failed: 1 } });
  });

  test("finds a forgotten one in the log, its environment too", async () => {
    const others = await submit(...Array.from({ length: 50 }, (_, i) => command(`before ${i}`)));
    const { run_id, task_ids } = await failing(command("a"));
    await submit(command("after"));
    const [old = ""] = task_ids;
    await forgetTasks(yard, old);
    const { status, body } = await retry(old);
    expect(status, JSON.stringify(body)).toBe(201);
    expect(body).toMatchObject({ run_id, retry_of: old });
    expect(payloadOf(body.task_id)).toMatchObject({ env: SECRET });
    expect(await get(`/api/tasks/${old}`)).toMatchObject({ state: "failed", retried_as: body.task_id });
    expect(others.task_ids).toHaveLength(50);
    pass(body.task_id);
    expect(await get(`/api/runs/${run_id}`)).toMatchObject({ state: "passed" });
  });

  test("is refused while it runs, after it passed, and twice", async () => {
    const { task_ids } = await submit(command("a"), command("b"));
    const [running = "", passed = ""] = task_ids;
    startTask(yard, running);
    pass(passed);
    expect(await retry(running)).toMatchObject({ status: 409, body: { code: "task_open" } });
    expect(await retry(passed)).toMatchObject({ status: 409, body: { code: "task_passed" } });
    expect((await retry(passed, { force: true })).status).toBe(201);
    failTask(yard, running);
    const first = await retry(running);
    const second = {
      status: 409,
      body: { code: "task_retried", details: { retried_as: first.body.task_id } },
    };
    expect(await retry(running)).toMatchObject(second);
    pass(first.body.task_id);
    await forgetTasks(yard, running, first.body.task_id);
    expect(await retry(running)).toMatchObject(second);
    expect((await retry("01JZZZZZZZZZZZZZZZZZZZZZZZ")).status).toBe(404);
  });

  test("is refused when it would be skipped at once", async () => {
    const { task_ids } = await failing(command("a"), command("b", "a"));
    const [a = "", b = ""] = task_ids;
    expect(await retry(b)).toMatchObject({ status: 409, body: { code: "dependency_failed" } });
    const again = (await retry(a)).body;
    expect((await retry(b)).body).toMatchObject({ state: "pending", dependencies: [again.task_id] });
  });

  test("says so when the log no longer holds what it was submitted with", async () => {
    const { task_ids } = await failing(command("a"));
    await forgetTasks(yard, ...task_ids);
    await yard.log.truncateBefore((await yard.log.tip()).position);
    expect(await retry(task_ids[0] ?? "")).toMatchObject({ status: 410, body: { code: "task_gone" } });
  });

  test("counts once however often it is sent with one key", async () => {
    const { task_ids } = await failing(command("a"));
    const [old = ""] = task_ids;
    const first = await retry(old, {}, "k");
    expect((await retry(old, {}, "k")).body).toMatchObject({ task_id: first.body.task_id, replayed: true });
    expect((await retry(old, { force: true }, "k")).body.code).toBe("idempotency_key_reused");
  });

  test("takes known fields only", async () => {
    const { task_ids } = await failing(command("a"));
    expect((await retry(task_ids[0] ?? "", { forse: true })).status).toBe(400);
    expect((await retry(task_ids[0] ?? "", { force: 1 })).status).toBe(400);
  });
});

describe("repeating what has not passed of a run", () => {
  test("takes failed, skipped and cancelled tasks with their dependencies, and leaves the rest", async () => {
    const { run_id, task_ids } = await submit(
      command("good"),
      command("bad", "good"),
      command("after", "bad", "good"),
      command("stopped"),
      command("open"),
    );
    const [good = "", bad = "", after = "", stopped = ""] = task_ids;
    pass(good);
    fail(bad);
    yard.coordinator.loop.execute({ type: "cancel_task", task_id: stopped, reason: "no" });
    const answer = await retryRun(run_id, { only: "failed" });
    expect(answer).toMatchObject({ run_id, replayed: false });
    const [bad2 = "", after2 = "", stopped2 = ""] = answer.task_ids;
    expect(await get(`/api/tasks/${bad2}`)).toMatchObject({ retry_of: bad, dependencies: [good] });
    expect(await get(`/api/tasks/${after2}`)).toMatchObject({ retry_of: after, dependencies: [bad2, good] });
    expect(await get(`/api/tasks/${stopped2}`)).toMatchObject({ retry_of: stopped, state: "queued" });
    expect(answer.task_ids).toHaveLength(3);
    expect((await retryRun(run_id)).task_ids).toEqual([]);
  });

  test("finds what memory has forgotten, once", async () => {
    const { run_id, task_ids } = await failing(command("a"), command("b", "a"));
    await forgetTasks(yard, ...task_ids);
    const { task_ids: again } = await retryRun(run_id);
    expect(again).toHaveLength(2);
    for (const id of again) pass(id);
    expect(await get<RunView>(`/api/runs/${run_id}`)).toMatchObject({ state: "passed", total: 4 });
    await forgetTasks(yard, ...again);
    expect((await retryRun(run_id)).task_ids).toEqual([]);
  });

  test("goes to a run of its own when the run is forgotten", async () => {
    const { run_id, task_ids } = await failing(command("a"));
    await forgetTasks(yard, ...task_ids);
    yard.coordinator.loop.state.runs.delete(run_id);
    expect(await get<RunView>(`/api/runs/${run_id}`)).toMatchObject({ state: "failed" });
    const answer = await retryRun(run_id);
    expect(answer.run_id).not.toBe(run_id);
    pass(answer.task_ids[0] ?? "");
    await settled(yard);
    expect(await get<RunView>(`/api/runs/${answer.run_id}`)).toMatchObject({ state: "passed", total: 1 });
    expect(await get<RunView>(`/api/runs/${run_id}`)).toMatchObject({ state: "failed" });
  });
});

describe("the list of runs", () => {
  const openRun = async (name: string, project = "default") =>
    (await post(yard, "/api/runs", { name, project })).json<RunView>().run_id;
  const list = (query = "") => get<Page<RunView>>(`/api/runs${query}`);

  test("goes on into the past that memory has forgotten, page by page, each run once", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push(await openRun(`run ${i}`));
    // Within one millisecond ids come in no order.
    ids.sort().reverse();
    await settled(yard);
    for (const id of [ids[1], ids[4], ids[6]]) yard.coordinator.loop.state.runs.delete(id ?? "");
    const pages: string[][] = [];
    let query = "?limit=3";
    for (;;) {
      const { items, next_cursor } = await list(query);
      pages.push(items.map(({ run_id }) => run_id));
      if (next_cursor === null) break;
      query = `?limit=3&cursor=${next_cursor}`;
    }
    expect(pages).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
  });

  test("is narrowed by project and by a part of the name, in memory and in the past", async () => {
    const old = await openRun("nightly 1", "web");
    const other = await openRun("nightly 2");
    const live = await openRun("nightly 3", "web");
    await openRun("by hand", "web");
    await settled(yard);
    yard.coordinator.loop.state.runs.delete(old);
    const names = async (query: string) => (await list(query)).items.map(({ run_id }) => run_id);
    const newestFirst = (...ids: string[]) => ids.sort().reverse();
    expect(await names("?project=web&name=nightly")).toEqual(newestFirst(live, old));
    expect(await names("?name=nightly")).toEqual(newestFirst(live, other, old));
  });

  test("says how each ended, and when", async () => {
    const { run_id, task_ids } = await submit(command("a"));
    expect((await list()).items).toMatchObject([{ run_id, state: "open", ended_at: null }]);
    pass(task_ids[0] ?? "");
    const [live] = (await list()).items;
    expect(live).toMatchObject({ state: "passed", ended_at: expect.any(Number) });
    await forgetTasks(yard, ...task_ids);
    yard.coordinator.loop.state.runs.delete(run_id);
    expect((await list()).items).toEqual([live]);
  });

  test("links to its next page", async () => {
    for (const name of ["a", "b"]) await openRun(name);
    const { headers } = await yard.app.inject({ url: "/api/runs?limit=1&name=" });
    expect(headers["link"]).toMatch(/^<\/api\/runs\?limit=1&name=&cursor=[\w-]+>; rel="next"$/);
  });
});

describe("the cases of a run", () => {
  test("come page by page, and only those asked for", async () => {
    const { run_id, task_ids } = await submit(suite, suite);
    const names = Array.from({ length: 5 }, (_, i) => `test_${i}`);
    for (const [i, id] of task_ids.entries()) {
      startTask(yard, id);
      failTask(
        yard,
        id,
        documentOf(...names.map((name, n) => aCase(`${name}_${i}`, n === 1 ? "failed" : "passed"))),
      );
    }
    await settled(yard);
    const found: string[] = [];
    let url = `/api/runs/${run_id}/cases?limit=3`;
    for (;;) {
      const page = await get<Page<{ name: string }>>(url);
      found.push(...page.items.map(({ name }) => name));
      if (page.next_cursor === null) break;
      url = `/api/runs/${run_id}/cases?limit=3&cursor=${page.next_cursor}`;
    }
    expect(found).toEqual([0, 1].flatMap((i) => names.map((name) => `${name}_${i}`)));
    const bad = await get<Page<{ name: string }>>(`/api/runs/${run_id}/cases?outcome=failed,error`);
    expect(bad.items.map(({ name }) => name)).toEqual(["test_1_0", "test_1_1"]);
    expect((await yard.app.inject({ url: `/api/runs/${run_id}/cases?outcome=faild` })).statusCode).toBe(400);
  });
});

const aCase = (name: string, outcome: "passed" | "failed", more: object = {}) => ({
  test_id: Buffer.from(name.padEnd(32)).toString("hex"),
  file: "py/test_a.py",
  name,
  outcome,
  duration_ms: 1,
  ...more,
});
const documentOf = (...cases: object[]) =>
  JSON.stringify({ format: 1, framework: "pytest", cases, metrics: [] });
const suite = {
  type: "test",
  name: "suite",
  config: { adapter: "pytest", suite: "py", files: ["test_a.py"] },
};

describe("repeating only the cases that failed", () => {
  async function ended(...cases: object[]): Promise<{ run_id: string; old: string }> {
    const { run_id, task_ids } = await submit(suite);
    const [old = ""] = task_ids;
    startTask(yard, old);
    failTask(yard, old, documentOf(...cases));
    return { run_id, old };
  }

  test("names them from the suite, where the framework looks", async () => {
    const { run_id, old } = await ended(
      aCase("test_x", "failed"),
      aCase("test_y", "passed"),
      aCase("test_z", "failed", { parameters: "1" }),
    );
    const { task_ids } = await retryRun(run_id, { cases: true });
    const { config, retry_of } = await get<TaskDetail>(`/api/tasks/${task_ids[0]}`);
    expect(retry_of).toBe(old);
    expect(config).toMatchObject({
      files: ["test_a.py"],
      cases: [
        { file: "test_a.py", name: "test_x" },
        { file: "test_a.py", name: "test_z", parameters: "1" },
      ],
    });
  });

  test("names a case of the suite's own folder, as those of a Go package are", async () => {
    const { old } = await ended(aCase("TestX", "failed", { file: "py" }));
    const { body } = await retry(old, { cases: true });
    const { config } = await get<TaskDetail>(`/api/tasks/${body.task_id}`);
    expect(config).toMatchObject({ cases: [{ file: ".", name: "TestX" }] });
  });

  test("repeats all where one of them stands for a file, or no document says which", async () => {
    const { old } = await ended(aCase("(file)", "failed"));
    const whole = await retry(old, { cases: true });
    expect((await get<TaskDetail>(`/api/tasks/${whole.body.task_id}`)).config).toEqual(suite.config);
    startTask(yard, whole.body.task_id);
    failTask(yard, whole.body.task_id);
    const silent = await retry(whole.body.task_id, { cases: true });
    expect((await get<TaskDetail>(`/api/tasks/${silent.body.task_id}`)).config).toEqual(suite.config);
  });

  test("leaves the cases that had passed in the listing of the run, with what the new try says", async () => {
    const { run_id } = await ended(aCase("test_x", "failed"), aCase("test_y", "passed"));
    const { task_ids } = await retryRun(run_id, { cases: true });
    const listed = async () => {
      await settled(yard);
      const { items } = await get<{ items: { name: string; outcome: string }[] }>(
        `/api/runs/${run_id}/cases`,
      );
      return Object.fromEntries(items.map(({ name, outcome }) => [name, outcome]));
    };
    expect(await listed()).toEqual({ test_x: "failed", test_y: "passed" });
    startTask(yard, task_ids[0] ?? "");
    finishTask(yard, task_ids[0] ?? "", documentOf(aCase("test_x", "passed")));
    expect(await listed()).toEqual({ test_x: "passed", test_y: "passed" });
  });

  test("of a whole retry, only what it reports is listed", async () => {
    const { run_id, old } = await ended(aCase("(file)", "failed"));
    const { body } = await retry(old);
    startTask(yard, body.task_id);
    finishTask(yard, body.task_id, documentOf(aCase("test_x", "passed")));
    await settled(yard);
    const { items } = await get<{ items: { name: string }[] }>(`/api/runs/${run_id}/cases`);
    expect(items.map(({ name }) => name)).toEqual(["test_x"]);
  });
});
