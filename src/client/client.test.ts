import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FeedItem } from "../protocol/index.ts";
import {
  ApiError,
  connect,
  findCoordinator,
  listCoordinators,
  registerCoordinator,
  Unreachable,
} from "./index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;
let collect = (): void => {};

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

let server: Server;
let url: string;
/** The next answers, in order; the last one stays. */
let answers: Answer[];
let seen: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[];

beforeEach(async () => {
  [answers, seen] = [[], []];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      answer?.(request, response, body);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const json =
  (value: object, status = 200, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
const hangUp: Answer = (request) => request.socket.destroy();

describe("a request", () => {
  test("that is refused says code, status, detail and pointers", async () => {
    const errors = [{ pointer: "/type", code: "invalid_value", message: "no" }];
    answers = [json({ code: "invalid_request", detail: "/type: no", errors, details: { a: 1 } }, 400)];
    const error = await connect({ url })
      .submitTask({ type: "test" })
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      code: "invalid_request",
      status: 400,
      detail: "/type: no",
      errors,
      details: { a: 1 },
    });
    expect(seen).toHaveLength(1);
  });

  test("that meets an answer of somebody else says at least the status", async () => {
    answers = [(_request, response) => response.writeHead(418).end("<html>")];
    await expect(connect({ url }).status()).rejects.toMatchObject({ code: "http_418", status: 418 });
  });

  test("to where nobody listens ends as unreachable, naming the address", async () => {
    const client = connect({ url: "http://127.0.0.1:1", patienceMs: 0 });
    await expect(client.status()).rejects.toBeInstanceOf(Unreachable);
    await expect(client.status()).rejects.toMatchObject({
      code: "unreachable",
      message: /127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    });
  });

  test("is sent again when the connection drops or the coordinator is away", async () => {
    answers = [hangUp, json({ code: "not_leader", detail: "" }, 503), json({ version: "1" })];
    expect(await connect({ url }).status()).toEqual({ version: "1" });
    expect(seen).toHaveLength(3);
  });

  test("is not followed to another address, where the key would not belong", async () => {
    answers = [(_request, response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end()];
    await expect(connect({ url, patienceMs: 0 }).status()).rejects.toBeInstanceOf(Unreachable);
  });

  test("carries the key, and a cancellation is sent once only", async () => {
    answers = [hangUp];
    const client = connect({ url, key: "k" });
    await expect(client.cancelTask("a/b")).rejects.toBeInstanceOf(Unreachable);
    expect(seen).toMatchObject([
      { method: "DELETE", url: "/api/tasks/a%2Fb", headers: { authorization: "Bearer k" } },
    ]);
  });

  test("that submits is sent again under the same key", async () => {
    answers = [hangUp, json({ run_id: "r", task_ids: ["t"], replayed: true })];
    const answer = await connect({ url }).submitTasks([{ type: "test" }], { run_id: "r" });
    expect(answer.task_ids).toEqual(["t"]);
    expect(seen[0]?.headers["idempotency-key"]).toBeTruthy();
    expect(seen[1]?.headers["idempotency-key"]).toBe(seen[0]?.headers["idempotency-key"]);
    expect(JSON.parse(seen[1]?.body ?? "")).toEqual({ run_id: "r", tasks: [{ type: "test" }] });
  });
});

test("listings are read page after page", async () => {
  answers = [json({ items: [1, 2], next_cursor: "c d" }), json({ items: [3], next_cursor: null })];
  const all: unknown[] = [];
  for await (const task of connect({ url }).allTasks({ state: "queued" })) all.push(task);
  expect(all).toEqual([1, 2, 3]);
  expect(seen.map((each) => each.url)).toEqual([
    "/api/tasks?limit=500&state=queued",
    "/api/tasks?limit=500&state=queued&cursor=c+d",
  ]);
});

const ended = (position: number, task_id: string) =>
  ({ kind: "task_ended", position, at: 0, task_id, state: "completed", reason: null }) satisfies FeedItem;

/** Sends lines and then cuts the connection. */
const lines =
  (...items: object[]): Answer =>
  (request, response) => {
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    const text = items.map((item) => `${JSON.stringify(item)}\n`).join("");
    response.write(text, () => setImmediate(() => request.socket.destroy()));
  };

describe("a feed", () => {
  async function take(count: number): Promise<string[]> {
    const found: string[] = [];
    for await (const item of connect({ url }).feed("r", { from: 3 })) {
      if ("task_id" in item) found.push(item.task_id);
      if (found.length === count) break;
    }
    return found;
  }

  test("goes on after a break within a position, tells nothing twice and leaves nothing out", async () => {
    answers = [
      lines(ended(3, "a"), ended(5, "b"), ended(5, "c")),
      hangUp,
      lines(ended(5, "b"), ended(5, "c"), ended(5, "d"), ended(6, "e")),
    ];
    expect(await take(5)).toEqual(["a", "b", "c", "d", "e"]);
    expect(seen.map((each) => each.url)).toEqual([3, 5, 5].map((from) => `/api/runs/r/feed?from=${from}`));
  });

  test("goes on behind a position that a ping has completed", async () => {
    answers = [lines(ended(5, "a"), { kind: "ping", position: 9 }), lines(ended(10, "b"))];
    expect(await take(2)).toEqual(["a", "b"]);
    expect(seen[1]?.url).toBe("/api/runs/r/feed?from=10");
  });

  test("does not take half a line for a line", async () => {
    const whole = `${JSON.stringify(ended(5, "a"))}\n${JSON.stringify(ended(6, "b"))}\n`;
    const half: Answer = (request, response) => {
      response.writeHead(200);
      response.write(whole.slice(0, -10), () => setImmediate(() => request.socket.destroy()));
    };
    answers = [half, lines(ended(5, "a"), ended(6, "b"))];
    expect(await take(2)).toEqual(["a", "b"]);
  });

  test("of an unknown run ends with the refusal", async () => {
    answers = [json({ code: "run_unknown", detail: "no run r" }, 404)];
    await expect(take(1)).rejects.toMatchObject({ code: "run_unknown" });
  });

  test("ends quietly when its reader gives up, also between two connections", async () => {
    const stop = new AbortController();
    answers = [lines(ended(5, "a"))];
    const interruptions: (Error | null)[] = [];
    const onInterrupted = (error: Error | null) => {
      interruptions.push(error);
      stop.abort();
    };
    const found: string[] = [];
    const options = { signal: stop.signal, onInterrupted };
    for await (const item of connect({ url }).feed("r", options))
      if ("task_id" in item) found.push(item.task_id);
    expect(found).toEqual(["a"]);
    expect(interruptions).toHaveLength(1);
  });

  test("ends when its reader gives up, whatever was collected meanwhile", async () => {
    const open: Answer = (_request, response) => {
      response.writeHead(200);
      response.write(`${JSON.stringify(ended(5, "a"))}\n`);
    };
    answers = [open];
    const stop = new AbortController();
    const reading = (async () => {
      for await (const _item of connect({ url }).feed("r", { signal: stop.signal })) setImmediate(collect);
    })();
    const collected = new Promise<void>((resolve) => {
      collect = () => {
        for (let i = 0; i < 3; i++) collectGarbage();
        resolve();
      };
    });
    await collected;
    // Finalizers have their turn after the collection.
    await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await reading;
  }, 5_000);
});

test("a feed puts a line together that comes in pieces, also within a character", async () => {
  const bytes = new TextEncoder().encode(`${JSON.stringify(ended(5, "ä"))}\n`);
  const cut = bytes.indexOf(0xc3) + 1;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of [bytes.slice(0, cut), bytes.slice(cut)]) controller.enqueue(piece);
      controller.close();
    },
  });
  const client = connect({ url, fetch: async () => new Response(body) });
  for await (const item of client.feed("r")) {
    expect(item).toMatchObject({ task_id: "ä" });
    break;
  }
});

test("a followed log goes on with the byte and the attempt at which its connection broke", async () => {
  const bytes =
    (text: string, { cut }: { cut: boolean }): Answer =>
    (request, response) => {
      response.writeHead(200, { "x-testyard-attempt": "2" });
      if (!cut) return void response.end(text);
      response.write(text, () => setImmediate(() => request.socket.destroy()));
    };
  answers = [bytes("hello ", { cut: true }), bytes("world", { cut: false })];
  let text = "";
  for await (const chunk of connect({ url }).log("t", { follow: true }))
    text += Buffer.from(chunk).toString();
  expect(text).toBe("hello world");
  expect(seen[1]?.url).toBe("/api/tasks/t/logs?attempt=2&from=6&follow=true");
});

describe("the registry", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "testyard-registry-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const entry = { url: "http://127.0.0.1:8080", data_dir: "/data", pid: 7, pid_started: "boot/1" };
  const alive = (pid: number) => (pid === 7 ? "boot/1" : null);

  test("finds a living coordinator by its port, in a file of its user alone", async () => {
    await registerCoordinator(dir, { port: 8080, entry });
    expect(await findCoordinator(dir, { port: 8080, startTimeOf: alive })).toEqual(entry);
    expect(await listCoordinators(dir, alive)).toEqual([entry]);
    expect(statSync(join(dir, "coordinators", "8080.json")).mode & 0o777).toBe(0o600);
    expect(await findCoordinator(dir, { port: 8081, startTimeOf: alive })).toBeNull();
  });

  test("passes over who is gone, whose pid is another's now, and whose file is damaged", async () => {
    await registerCoordinator(dir, { port: 1, entry: { ...entry, pid: 8 } });
    await registerCoordinator(dir, { port: 2, entry: { ...entry, pid_started: "boot/0" } });
    writeFileSync(join(dir, "coordinators", "3.json"), '{"url":1}');
    expect(await listCoordinators(dir, alive)).toEqual([]);
  });

  test("takes back an entry of its own, and leaves a successor's alone", async () => {
    const withdraw = await registerCoordinator(dir, { port: 8080, entry });
    const next = { ...entry, pid: 9 };
    const withdrawNext = await registerCoordinator(dir, { port: 8080, entry: next });
    await withdraw();
    expect(await findCoordinator(dir, { port: 8080, startTimeOf: () => "boot/1" })).toEqual(next);
    await withdrawNext();
    expect(await findCoordinator(dir, { port: 8080, startTimeOf: () => "boot/1" })).toBeNull();
  });
});
