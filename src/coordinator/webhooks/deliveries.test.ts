import { describe, expect, test } from "vitest";
import type { HttpsPost } from "../../ports/index.ts";
import { silentLogger } from "../../ports/index.ts";
import { lead, newStore, settled, TestTime, type TestLoop } from "../leader.testing.ts";
import { Deliveries, TRIES_MS } from "./deliveries.ts";
import type { WebhookPolicy } from "./policy.ts";

const START = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const URL_ = "https://hooks.example.com/a";
const POLICY: WebhookPolicy = { hosts: ["hooks.example.com"], privateHosts: [] };
const PUBLIC = "203.0.114.7";

/** A receiver that answers as told, 200 when nothing was; a name that resolves as told. */
class World {
  readonly time = new TestTime(START);
  readonly store = newStore();
  readonly posts: HttpsPost[] = [];
  answers: (number | Error)[] = [];
  addresses: string[][] = [];
  policy = POLICY;

  async start(): Promise<{ leader: TestLoop; deliveries: Deliveries }> {
    const leader = await lead(this.time, this.store);
    const deliveries = new Deliveries({
      loop: leader.loop,
      clock: this.time.clock,
      logger: silentLogger,
      yardUrl: () => "http://127.0.0.1:8080",
      way: {
        policy: this.policy,
        secret: `whsec_${Buffer.alloc(24, 1).toString("base64")}`,
        resolver: { addresses: async () => this.addresses.shift() ?? [PUBLIC] },
        poster: {
          post: async (request) => {
            this.posts.push(request);
            const answer = this.answers.shift() ?? 200;
            if (typeof answer !== "number") throw answer;
            return { status: answer };
          },
        },
      },
    });
    leader.onCommitted.push((record) => deliveries.committed(record));
    deliveries.start();
    return { leader, deliveries };
  }

  get tries(): number[] {
    return this.posts.map(({ headers }) => Number(headers["webhook-timestamp"]) * 1000 - START);
  }
}

/** A run of one task that is cancelled, and with that has ended. */
async function endRun({ loop }: TestLoop, run = "r"): Promise<void> {
  const nothing = { requirements: {}, resources: { cpu_milli: 0, memory_mb: 0, gpu: 0 } };
  const limits = { timeout_ms: 1, max_retries: 0, retry_delay_ms: 0, priority: 1 };
  const task = {
    task_id: `t-${run}`,
    run_id: run,
    project: "default",
    name: "t",
    type: "test" as const,
    dependencies: [],
    estimate_ms: null,
    payload: "{}",
    ...nothing,
    ...limits,
  };
  loop.execute({ type: "open_run", run_id: run, project: "default", run_key: null, name: "nightly" });
  const where = { submission_id: `s-${run}`, project: "default", run_id: run };
  loop.execute({ type: "submit", ...where, tasks: [task], idempotency: null, resolved: {} });
  loop.execute({ type: "cancel_task", task_id: task.task_id, reason: "enough" });
  await loop.committed();
  await settled();
}

const addHook = ({ loop }: TestLoop, url = URL_) =>
  loop.execute({ type: "add_webhook", webhook_id: "h", url, run_id: null });
const pastOf = ({ state }: TestLoop) => [...state.pastDeliveries.values()].map(({ outcome }) => outcome);

describe("a delivery", () => {
  test("is made once the end of the run is committed, signed, to the address that was checked", async () => {
    const world = new World();
    const { leader } = await world.start();
    addHook(leader);
    await endRun(leader);
    expect(world.posts).toHaveLength(1);
    const [post] = world.posts;
    expect(post).toMatchObject({ address: PUBLIC, timeoutMs: 5_000, headers: { "webhook-id": "msg_r_1_h" } });
    expect(JSON.parse(post?.body ?? "")).toMatchObject({
      type: "run.ended",
      version: 1,
      verdict: "cancelled",
      counts: { cancelled: 1 },
      url: "http://127.0.0.1:8080/api/runs/r",
      run: { run_id: "r", name: "nightly", total: 1, open: 0 },
    });
    expect(pastOf(leader)).toMatchObject([{ kind: "delivered", http_status: 200, attempts: 1 }]);
  });

  test("is tried again with the same id and body until it is taken", async () => {
    const world = new World();
    world.answers = [500, new Error("connection refused")];
    const { leader, deliveries } = await world.start();
    addHook(leader);
    await endRun(leader);
    expect(deliveries.triesOf("msg_r_1_h")).toMatchObject({ attempts: 1, last: { code: "webhook_answer" } });
    await world.time.to(START + HOUR);
    expect(world.tries).toEqual([0, 5_000, 30_000]);
    expect(new Set(world.posts.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(new Set(world.posts.map(({ body }) => body)).size).toBe(1);
    expect(new Set(world.posts.map(({ headers }) => headers["webhook-signature"])).size).toBe(3);
    expect(pastOf(leader)).toMatchObject([{ kind: "delivered", attempts: 3 }]);
  });

  test("is given up after the last try, and can be asked for again", async () => {
    const world = new World();
    world.answers = Array.from({ length: TRIES_MS.length }, () => 503);
    const { leader } = await world.start();
    addHook(leader);
    await endRun(leader);
    await world.time.to(START + 48 * HOUR);
    expect(world.tries).toEqual([...TRIES_MS]);
    const { length: attempts } = TRIES_MS;
    expect(pastOf(leader)).toMatchObject([{ kind: "given_up", code: "webhook_answer", attempts }]);
    leader.loop.execute({ type: "redeliver_webhook", delivery_id: "msg_r_1_h" });
    await leader.loop.committed();
    await settled();
    expect(pastOf(leader)).toMatchObject([{ kind: "delivered", attempts: 1 }]);
  });

  test.each([301, 302, 307])("that is answered with the redirect %i has failed", async (status) => {
    const world = new World();
    world.answers = [status];
    const { leader, deliveries } = await world.start();
    addHook(leader);
    await endRun(leader);
    expect(deliveries.triesOf("msg_r_1_h")?.last).toMatchObject({ code: "webhook_redirect" });
  });

  test("goes nowhere when the name has come to mean this machine", async () => {
    const world = new World();
    world.answers = [500];
    world.addresses = [[PUBLIC], ["127.0.0.1"], [PUBLIC, "::ffff:10.0.0.1"], [PUBLIC]];
    const { leader } = await world.start();
    addHook(leader);
    await endRun(leader);
    await world.time.to(START + 30_000);
    expect(world.posts).toHaveLength(1);
    await world.time.to(START + HOUR);
    expect(world.posts.map(({ address }) => address)).toEqual([PUBLIC, PUBLIC]);
  });

  test("is not sent to a host that is not allowed any more", async () => {
    const world = new World();
    world.policy = { hosts: ["other.example.com"], privateHosts: [] };
    const { leader, deliveries } = await world.start();
    addHook(leader);
    await endRun(leader);
    expect(world.posts).toEqual([]);
    expect(deliveries.triesOf("msg_r_1_h")?.last?.reason).toMatch(/--webhook-host hooks.example.com/);
  });
});

describe("a coordinator that dies", () => {
  test("between the end of the run and its delivery leaves it to the next", async () => {
    const world = new World();
    const first = await lead(world.time, world.store);
    addHook(first);
    await endRun(first);
    world.time.now += 2 * HOUR;
    const { leader } = await world.start();
    await settled();
    expect(world.posts).toHaveLength(1);
    expect(pastOf(leader)).toMatchObject([{ kind: "delivered" }]);
  });

  test("after many tries leaves as many as are left, and one", async () => {
    const world = new World();
    const first = await lead(world.time, world.store);
    addHook(first);
    await endRun(first);
    world.answers = Array.from({ length: 20 }, () => 500);
    world.time.now += 9 * HOUR;
    const { leader } = await world.start();
    await world.time.to(START + 48 * HOUR);
    expect(world.tries).toEqual([9 * HOUR, 16 * HOUR, 24 * HOUR]);
    expect(pastOf(leader)).toMatchObject([{ kind: "given_up", attempts: 3 }]);
  });
});

test("many deliveries go out a few at a time, and all of them", async () => {
  const world = new World();
  const { leader } = await world.start();
  addHook(leader);
  for (let i = 0; i < 30; i++) await endRun(leader, `r${i}`);
  expect(world.posts).toHaveLength(30);
  expect(leader.state.deliveries.size).toBe(0);
});
