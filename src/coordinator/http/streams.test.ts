import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  BLOB_FRAMES_TYPE,
  CLOSE,
  BlobFrameReader,
  encodeBlobFrame,
  type FeedItem,
  type SubmitAnswer,
} from "../../protocol/index.ts";
import { InvariantError } from "../../core/index.ts";
import type { Connection } from "../../ports/index.ts";
import { FeedHub } from "../feed.ts";
import { DashboardFeed } from "./dashboard-feed.ts";
import {
  AUTHORIZED,
  finishTask,
  openYard,
  post,
  registerWorker,
  startTask,
  type Yard,
} from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
  registerWorker(yard);
});
afterEach(() => yard.close());

async function submit(...names: string[]): Promise<SubmitAnswer> {
  const tasks = names.map((name) => ({ type: "command", name, config: { command: ["true"] } }));
  return (await post(yard, "/api/tasks/bulk", { tasks })).json<SubmitAnswer>();
}

type Line = FeedItem | { kind: "ping"; position: number };

interface Reading {
  next(): Promise<Line>;
  /** The next line that is no ping. */
  item(): Promise<FeedItem>;
  stop(): Promise<void>;
}

function read(
  runId: string,
  { from = 0, hub = yard.context.feed }: { from?: number; hub?: FeedHub } = {},
): Reading {
  const stopped = new AbortController();
  const pieces = hub.follow(runId, { from, openedAt: 0, signal: stopped.signal });
  const held: Line[] = [];
  const next = async (): Promise<Line> => {
    while (held.length === 0) {
      const { value, done } = await pieces.next();
      if (done === true) throw new Error("the feed has ended");
      held.push(
        ...value
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as Line),
      );
    }
    return held.shift() as Line;
  };
  const item = async (): Promise<FeedItem> => {
    for (;;) {
      const line = await next();
      if (line.kind !== "ping") return line;
    }
  };
  const stop = async () => {
    stopped.abort();
    await pieces.return(undefined);
  };
  return { next, item, stop };
}

const told = (item: FeedItem) => `${item.kind} ${"task_id" in item ? item.task_id : item.ended}`;

describe("a run's feed", () => {
  test("tells what the log holds, says how far that goes, and then what comes", async () => {
    const { run_id, task_ids } = await submit("a", "b");
    const [a = "", b = ""] = task_ids;
    startTask(yard, a);
    finishTask(yard, a);
    await yard.coordinator.loop.committed();
    const reading = read(run_id);
    const past = [await reading.next(), await reading.next(), await reading.next()] as FeedItem[];
    expect(past.map(told)).toEqual([`task_started ${a}`, `attempt_ended ${a}`, `task_ended ${a}`]);
    expect(past[1]).toMatchObject({ outcome: "passed", worker_id: "w1", attempt: 1, next: "completed" });
    expect(await reading.next()).toEqual({ kind: "ping", position: (await yard.log.tip()).position });
    startTask(yard, b);
    expect(told(await reading.item())).toBe(`task_started ${b}`);
    yard.coordinator.loop.execute({ type: "cancel_task", task_id: b, reason: "enough" });
    expect(await reading.item()).toMatchObject({ kind: "task_ended", state: "cancelled", reason: "enough" });
    const counts = { completed: 1, failed: 0, timed_out: 0, cancelled: 1, skipped: 0 };
    const end = { kind: "run_ended", run_id, ended: 1, total: 2, counts, verdict: "cancelled" };
    expect(await reading.item()).toMatchObject(end);
    await reading.stop();
  });

  test("tells nothing before it is committed", async () => {
    const { run_id, task_ids } = await submit("a");
    const reading = read(run_id);
    await reading.next();
    startTask(yard, task_ids[0] ?? "");
    const committed = yard.coordinator.loop.committedPosition;
    const { position } = await reading.item();
    expect(position).toBeGreaterThan(committed);
    expect(yard.coordinator.loop.committedPosition).toBeGreaterThanOrEqual(position);
    await reading.stop();
  });

  test("tells of its own run only, and from the position that is asked for", async () => {
    const other = await submit("other");
    const { run_id, task_ids } = await submit("a", "b");
    for (const id of [...other.task_ids, ...task_ids]) {
      startTask(yard, id);
      finishTask(yard, id);
      await yard.coordinator.loop.committed();
    }
    const all = read(run_id);
    const first = await all.item();
    expect(told(first)).toBe(`task_started ${task_ids[0]}`);
    await all.stop();
    const later = read(run_id, { from: first.position + 1 });
    expect(told(await later.item())).toBe(`task_started ${task_ids[1]}`);
    await later.stop();
  });
});

describe("a feed in special places", () => {
  test("still tells of tasks that memory has forgotten", async () => {
    const { run_id, task_ids } = await submit("a");
    const [a = ""] = task_ids;
    startTask(yard, a);
    finishTask(yard, a);
    await yard.coordinator.loop.committed();
    yard.coordinator.loop.execute({ type: "forget_tasks", task_ids });
    await yard.coordinator.loop.committed();
    expect(yard.coordinator.loop.state.tasks.size).toBe(0);
    const reading = read(run_id);
    expect(await reading.item()).toMatchObject({ kind: "task_started", task_id: a, worker_id: "w1" });
    await reading.stop();
  });
});

describe("a feed that is hard to read", () => {
  test("that is read too slowly goes on from the log and leaves nothing out", async () => {
    const { loop } = yard.coordinator;
    const { log, clock } = yard.context;
    const options = { log, clock, state: () => loop.state, committedPosition: () => loop.committedPosition };
    const hub = new FeedHub({ ...options, bufferChars: 2_000 });
    const tell = yard.context.feed.committed.bind(yard.context.feed);
    yard.context.feed.committed = (record) => {
      tell(record);
      hub.committed(record);
    };
    const names = Array.from({ length: 50 }, (_, i) => `${i}`);
    const { run_id, task_ids } = await submit(...names);
    const reading = read(run_id, { hub });
    await reading.next();
    for (const task_id of task_ids) {
      loop.execute({ type: "cancel_task", task_id, reason: "enough" });
      await loop.committed();
    }
    const seen: string[] = [];
    while (seen.length < 50) seen.push(told(await reading.item()));
    expect(seen).toEqual(task_ids.map((id) => `task_ended ${id}`));
    await reading.stop();
  });

  test("is silent for no longer than its ping", async () => {
    const { loop } = yard.coordinator;
    const { log, clock } = yard.context;
    const options = { log, clock, state: () => loop.state, committedPosition: () => loop.committedPosition };
    const { run_id } = await submit("a");
    const reading = read(run_id, { hub: new FeedHub({ ...options, pingMs: 5 }) });
    const { position } = await yard.log.tip();
    for (let i = 0; i < 3; i++) expect(await reading.next()).toEqual({ kind: "ping", position });
    await reading.stop();
  });

  test("finds where a run began by the time, without reading the log from its start", async () => {
    for (let i = 0; i < 40; i++) await submit(`${i}`);
    const late = await submit("late");
    yard.coordinator.loop.execute({ type: "cancel_task", task_id: late.task_ids[0] ?? "", reason: "" });
    await yard.coordinator.loop.committed();
    const openedAt = yard.coordinator.loop.state.runs.get(late.run_id)?.opened_at ?? 0;
    const reads: number[] = [];
    const readLog = yard.log.read.bind(yard.log);
    yard.log.read = (from) => {
      reads.push(from);
      return readLog(from);
    };
    const stopped = new AbortController();
    const pieces = yard.context.feed.follow(late.run_id, { from: 0, openedAt, signal: stopped.signal });
    expect((await pieces.next()).value).toContain(late.task_ids[0]);
    expect(reads.length).toBeLessThan(10);
    expect(reads.at(-1)).toBeGreaterThan(1);
    stopped.abort();
    await pieces.return(undefined);
  });
});

const bytes = { "content-type": "application/octet-stream", ...AUTHORIZED };
const sha = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");

describe("a log", () => {
  const append = (task: string, offset: number, payload: string) =>
    yard.app.inject({
      method: "PUT",
      url: `/api/tasks/${task}/attempts/1/log?offset=${offset}`,
      headers: bytes,
      payload,
    });

  test("grows at its end, drops what is repeated, and names its size when there is a gap", async () => {
    const { task_ids } = await submit("a");
    const [a = ""] = task_ids;
    startTask(yard, a);
    expect((await append(a, 0, "hello ")).json()).toEqual({ size: 6 });
    expect((await append(a, 3, "lo world")).json()).toEqual({ size: 11 });
    expect((await append(a, 20, "x")).json()).toMatchObject({
      status: 409,
      code: "log_gap",
      details: { size: 11 },
    });
    expect((await append(a, 0, "jello")).json()).toMatchObject({ status: 409, code: "stale_attempt" });
    const whole = await yard.app.inject({ url: `/api/tasks/${a}/logs` });
    expect(whole.body).toBe("hello world");
    expect(whole.headers).toMatchObject({ "x-testyard-log-size": "11", "x-testyard-attempt": "1" });
    expect((await yard.app.inject({ url: `/api/tasks/${a}/logs?attempt=1&from=6&to=8` })).body).toBe("wo");
  });

  test("is refused for an attempt that was never made, and above its limit", async () => {
    const { task_ids } = await submit("a");
    const [a = ""] = task_ids;
    expect((await append(a, 0, "x")).json()).toMatchObject({ status: 409, code: "stale_attempt" });
    expect((await yard.app.inject({ url: `/api/tasks/${a}/logs` })).json()).toMatchObject({
      code: "log_unknown",
    });
    startTask(yard, a);
    expect((await append(a, 70 * 1024 * 1024, "x")).json()).toMatchObject({
      status: 413,
      code: "body_too_large",
    });
    expect((await append(a, 0, "x".repeat(8 * 1024 * 1024 + 1))).json()).toMatchObject({
      code: "body_too_large",
    });
    expect((await yard.app.inject({ url: `/api/tasks/${a}/logs?attempt=2` })).json()).toMatchObject({
      status: 404,
    });
  });

  test("is followed from before the attempt began until it has ended", async () => {
    const { task_ids } = await submit("a");
    const [a = ""] = task_ids;
    const following = yard.app.inject({ url: `/api/tasks/${a}/logs?follow=true` });
    startTask(yard, a);
    await append(a, 0, "first ");
    await append(a, 6, "second");
    finishTask(yard, a);
    expect((await following).body).toBe("first second");
  });
});

describe("blobs", () => {
  const frames = (...texts: string[]) =>
    Buffer.concat(texts.map((text) => encodeBlobFrame({ sha256: sha(text), bytes: Buffer.from(text) })));
  const batch = (payload: Buffer) =>
    yard.app.inject({
      method: "POST",
      url: "/api/blobs/batch",
      headers: { ...bytes, "content-type": BLOB_FRAMES_TYPE },
      payload,
    });

  test("are asked for, sent in a batch, and fetched; one that is not there is marked", async () => {
    const hashes = [sha("one"), sha("two"), sha("three")];
    expect((await batch(frames("one", "two"))).json()).toEqual({ stored: 2 });
    expect((await post(yard, "/api/blobs/missing", { hashes })).json()).toEqual({ missing: [sha("three")] });
    const fetched = await post(yard, "/api/blobs/fetch", { hashes });
    expect(fetched.headers["content-type"]).toContain(BLOB_FRAMES_TYPE);
    const found = new BlobFrameReader(1_000).push(fetched.rawPayload);
    expect(found.map((each) => each.bytes && Buffer.from(each.bytes).toString())).toEqual([
      "one",
      "two",
      null,
    ]);
  });

  test("that are damaged or cut off on their way are refused", async () => {
    const wrong = encodeBlobFrame({ sha256: sha("one"), bytes: Buffer.from("eno") });
    expect((await batch(Buffer.from(wrong))).json()).toMatchObject({
      status: 422,
      code: "blob_hash_mismatch",
    });
    expect((await batch(frames("one").subarray(0, 38))).json()).toMatchObject({
      status: 400,
      code: "invalid_request",
    });
    const huge = Buffer.alloc(36);
    huge.writeUInt32BE(9 * 1024 * 1024, 32);
    expect((await batch(huge)).json()).toMatchObject({ status: 413, code: "body_too_large" });
  });

  test("come singly by their hash, and are checked against it", async () => {
    const large = Buffer.alloc(3 * 1024 * 1024, "x");
    const put = (hash: string) =>
      yard.app.inject({ method: "PUT", url: `/api/blobs/${hash}`, headers: bytes, payload: large });
    expect((await put(sha("other"))).json()).toMatchObject({ status: 422, code: "blob_hash_mismatch" });
    expect((await put(sha(large))).statusCode).toBe(201);
    const got = await yard.app.inject({ url: `/api/blobs/${sha(large)}` });
    expect(got.rawPayload.equals(large)).toBe(true);
    expect(got.headers["content-length"]).toBe(String(large.length));
    const head = await yard.app.inject({ method: "HEAD", url: `/api/blobs/${sha(large)}` });
    expect(head.headers["content-length"]).toBe(String(large.length));
  });

  test("may be empty", async () => {
    const empty = await yard.app.inject({
      method: "PUT",
      url: `/api/blobs/${sha("")}`,
      headers: bytes,
      payload: "",
    });
    expect(empty.statusCode, empty.body).toBe(201);
    expect((await yard.app.inject({ url: `/api/blobs/${sha("")}` })).rawPayload).toHaveLength(0);
  });
});

function viewer(): { connection: Connection; sent: string[]; closed: number[]; buffered: number } {
  const self = {
    sent: [] as string[],
    closed: [] as number[],
    buffered: 0,
    connection: {
      send: (text: string) => void self.sent.push(text),
      close: (code: number) => void self.closed.push(code),
      bufferedBytes: () => self.buffered,
      onMessage: () => {},
      onClose: () => {},
    },
  };
  return self;
}

/** Gathering is over when the test says so. */
function gathering(): { feed: DashboardFeed; tell: () => Promise<void> } {
  let call: () => void = () => {};
  const after = (_delayMs: number, then: () => void) => {
    call = then;
    return { cancel: () => {} };
  };
  const feed = new DashboardFeed({ ...yard.context, clock: { ...yard.context.clock, after } });
  const before = yard.context.signals.committed.bind(yard.context.signals);
  yard.context.signals.committed = (events) => {
    before(events);
    feed.committed(events);
  };
  const tell = async () => {
    call();
    await yard.coordinator.loop.committed();
  };
  return { feed, tell };
}

describe("a dashboard", () => {
  test("is told what a task is now, however often it changed", async () => {
    const { feed, tell } = gathering();
    const page = viewer();
    feed.accept(page.connection);
    await yard.coordinator.loop.committed();
    const { task_ids } = await submit("a");
    startTask(yard, task_ids[0] ?? "");
    await yard.coordinator.loop.committed();
    await tell();
    const [hello, delta] = page.sent.map((text) => JSON.parse(text) as { kind: string });
    expect(hello).toMatchObject({ kind: "hello", tasks: [] });
    expect(delta).toMatchObject({
      kind: "delta",
      truncated: false,
      tasks: [{ task_id: task_ids[0], state: "running" }],
    });
    expect(page.sent).toHaveLength(2);
  });

  test("is told when more has changed than fits", async () => {
    const { feed, tell } = gathering();
    const page = viewer();
    feed.accept(page.connection);
    await submit(...Array.from({ length: 300 }, (_, i) => `${i}`));
    await tell();
    const delta = JSON.parse(page.sent.at(-1) ?? "{}") as { truncated: boolean; tasks: object[] };
    expect(delta).toMatchObject({ truncated: true });
    expect(delta.tasks).toHaveLength(200);
  });

  test("that reads too slowly is closed, and the others go on", async () => {
    const { feed, tell } = gathering();
    const [slow, quick] = [viewer(), viewer()];
    feed.accept(slow.connection);
    feed.accept(quick.connection);
    await submit("a");
    slow.buffered = 5 * 1024 * 1024;
    await tell();
    expect(slow.closed).toEqual([CLOSE.slowConsumer]);
    expect(slow.sent).toHaveLength(1);
    await submit("b");
    await tell();
    expect(quick.sent).toHaveLength(3);
    expect(slow.sent).toHaveLength(1);
  });
});

test("a broken invariant is answered as a defect, and ends the process", async () => {
  yard.coordinator.explain = () => {
    throw new InvariantError("impossible");
  };
  const { task_ids } = await submit("a");
  const response = await yard.app.inject({ url: `/api/tasks/${task_ids[0]}/explain` });
  expect(response.json()).toMatchObject({ status: 500, code: "internal" });
  expect(response.body).not.toContain("impossible");
  expect(yard.fatal).toMatchObject([{ code: "invariant_broken" }]);
});
