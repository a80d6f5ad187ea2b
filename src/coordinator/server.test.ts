import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectSocket } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import {
  createClock,
  createRandom,
  createWsDialer,
  processStartTime,
  wrapWebSocket,
  WS_MAX_PAYLOAD_BYTES,
} from "../platform/index.ts";
import { silentLogger, type Connection } from "../ports/index.ts";
import {
  decodeChallenge,
  type RunView,
  type StatusView,
  type SubmitAnswer,
  type TaskDetail,
} from "../protocol/index.ts";
import { openLocalResults } from "../results/index.ts";
import { createSession } from "../security/index.ts";
import { openLmdbLog, verifyLog } from "../log/index.ts";
import { startServer, type RunningServer, type ServerOptions } from "./server.ts";
import { CAPABILITIES } from "./http/yard.testing.ts";

let dir: string;
const running = new Set<RunningServer>();
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "testyard-server-"));
});
afterEach(async () => {
  for (const server of running) await server.close();
  running.clear();
  rmSync(dir, { recursive: true, force: true });
});

function optionsFor(changes: Partial<ServerOptions> = {}): ServerOptions {
  return {
    host: "127.0.0.1",
    port: 0,
    dataDir: join(dir, "data"),
    coordinatorId: "c1",
    version: "0.0.0",
    process: { host: hostname(), pid: process.pid, started: processStartTime(process.pid) ?? "" },
    startTimeOf: processStartTime,
    clock: createClock(),
    random: createRandom(),
    logger: silentLogger,
    wrapWebSocket,
    maxPayloadBytes: WS_MAX_PAYLOAD_BYTES,
    openResults: ({ log, dbPath, clusterId, readBlob }) =>
      openLocalResults({ log, dbPath, clusterId, readBlob }),
    ...changes,
  };
}

async function start(changes: Partial<ServerOptions> = {}): Promise<RunningServer> {
  const server = await startServer(optionsFor(changes));
  running.add(server);
  return server;
}

const keyOf = () => readFileSync(join(dir, "data", "client-key"), "utf8").trim();

async function call<T>(server: RunningServer, path: string, init: RequestInit = {}): Promise<T> {
  const headers = { authorization: `Bearer ${keyOf()}`, "content-type": "application/json" };
  const response = await fetch(`${server.url}${path}`, { headers, ...init });
  return (await response.json()) as T;
}

const post = <T>(server: RunningServer, path: string, body: object) =>
  call<T>(server, path, { method: "POST", body: JSON.stringify(body) });

const command = { type: "command", config: { command: ["true"] } };

describe("a start", () => {
  test("makes the data directory, its key, and a cluster that stands in the first record", async () => {
    const server = await start();
    const status = await call<StatusView>(server, "/api/status");
    expect(status).toMatchObject({
      cluster_id: server.clusterId,
      epoch: 1,
      role: "leader",
      coordinator_id: "c1",
    });
    expect(server.clusterId).toMatch(/^[0-9a-f]{32}$/);
    expect(statSync(join(dir, "data", "client-key")).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, "data")).mode & 0o777).toBe(0o700);
  });

  test("after a stop finds everything that was acknowledged, in the same cluster", async () => {
    const first = await start();
    const { task_ids, run_id } = await post<SubmitAnswer>(first, "/api/tasks/bulk", {
      tasks: [command, command],
    });
    await first.close();
    expect(await first.ended).toBeNull();
    const second = await start();
    expect(await call<StatusView>(second, "/api/status")).toMatchObject({
      cluster_id: first.clusterId,
      epoch: 2,
      tasks: { queued: 2 },
    });
    expect(await call<TaskDetail>(second, `/api/tasks/${task_ids[1]}`)).toMatchObject({
      state: "queued",
      run_id,
    });
    await second.close();
    const log = await openLmdbLog({ dir: join(dir, "data", "log"), readOnly: true });
    expect(await verifyLog(log)).toMatchObject({ ok: true, tasks: 2, lost: 0, duplicated: 0 });
    await log.close();
  });

  test("beyond loopback is refused before anything is touched", async () => {
    const error = { code: "beyond_loopback" };
    await expect(start({ host: "0.0.0.0" })).rejects.toMatchObject(error);
    expect(existsSync(join(dir, "data"))).toBe(false);
  });

  test("on a port that is taken says so, and leaves the directory to the next", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({
      code: "port_taken",
      message: expect.stringContaining(String(port)),
    });
    other.close();
    await start({ port });
  });
});

describe("a start that must not be", () => {
  test("beside a living coordinator is refused as log_in_use, and disturbs nobody", async () => {
    const server = await start();
    await expect(start({ coordinatorId: "c2" })).rejects.toMatchObject({
      code: "log_in_use",
      message: expect.stringContaining(String(process.pid)),
    });
    await post(server, "/api/tasks", command);
    expect(await call<StatusView>(server, "/api/status")).toMatchObject({ epoch: 1, tasks: { queued: 1 } });
  });

  test("with somebody else's database is refused, and the file stays as it was", async () => {
    const dbPath = join(dir, "mine.duckdb");
    writeFileSync(dbPath, "something else entirely");
    await expect(start({ dbPath })).rejects.toMatchObject({ code: "results_foreign_file" });
    expect(readFileSync(dbPath, "utf8")).toBe("something else entirely");
    await start();
  });

  test("with a key that others can read is refused", async () => {
    await (await start()).close();
    chmodSync(join(dir, "data", "client-key"), 0o644);
    await expect(start()).rejects.toMatchObject({ code: "client_key_exposed" });
  });
});

test("a server announces itself once it listens, and takes that back when it stops", async () => {
  const calls: string[] = [];
  const server = await start({
    announce: async ({ url }) => {
      calls.push(`at ${url}`);
      return async () => void calls.push("gone");
    },
  });
  expect(calls).toEqual([`at ${server.url}`]);
  await server.close();
  expect(calls).toEqual([`at ${server.url}`, "gone"]);
});

describe("a stop", () => {
  test("ends feeds and followed logs, and keeps what was decided", async () => {
    const server = await start();
    const { run_id } = await post<RunView>(server, "/api/runs", {});
    const { task_ids } = await post<SubmitAnswer>(server, "/api/tasks/bulk", { run_id, tasks: [command] });
    const feed = await fetch(`${server.url}/api/runs/${run_id}/feed`);
    const log = await fetch(`${server.url}/api/tasks/${task_ids[0]}/logs?follow=true`);
    const last = post<SubmitAnswer>(server, "/api/tasks/bulk", { run_id, tasks: [command] }).catch(
      () => null,
    );
    await server.close();
    expect(await feed.text()).toMatch(/^(\{"kind":"ping","position":\d+\}\n)+$/);
    expect(await log.text()).toBe("");
    const answer = await last;
    const next = await start();
    const total = (await call<RunView>(next, `/api/runs/${run_id}`)).total;
    // Acknowledged is durable; what was cut off may be there or not.
    if (answer !== null && "task_ids" in answer) expect(total).toBe(2);
    await expect(fetch(`${server.url}/api/status`)).rejects.toThrow("fetch failed");
  });

  test("by itself, when the log has failed, says why", async () => {
    const server = await start({
      openResults: async (setup) => {
        const results = await openLocalResults(setup);
        failing = setup.log;
        return results;
      },
    });
    if (failing === null) throw new Error("no log");
    failing.append = () =>
      Promise.reject(Object.assign(new Error("the disk is full"), { code: "disk_full" }));
    const refused = await post<{ code: string; status: number }>(server, "/api/tasks", command);
    expect(refused).toMatchObject({ status: 507, code: "disk_full" });
    expect(await server.ended).toMatchObject({ code: "disk_full" });
  });
  let failing: Parameters<NonNullable<ServerOptions["openResults"]>>[0]["log"] | null = null;
});

interface Inbox {
  connection: Connection;
  next(): Promise<string>;
  closed: Promise<number>;
}

async function dial(url: string): Promise<Inbox> {
  const connection = await createWsDialer().dial(url.replace("http", "ws"));
  const held: string[] = [];
  let wake: () => void = () => {};
  connection.onMessage((text) => {
    held.push(text);
    wake();
  });
  const closed = new Promise<number>((resolve) => connection.onClose((code) => resolve(code)));
  const next = async () => {
    while (held.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return held.shift() ?? "";
  };
  return { connection, next, closed };
}

describe("WebSockets", () => {
  test("take a worker in, give it work, and record what it reports", async () => {
    const server = await start();
    const { task_ids } = await post<SubmitAnswer>(server, "/api/tasks/bulk", { tasks: [command] });
    const worker = await dial(`${server.url}/ws`);
    const workerNonce = "ab".repeat(32);
    worker.connection.send(
      JSON.stringify({ type: "open", protocol: { min: 1, max: 1 }, nonce: workerNonce }),
    );
    const challenge = decodeChallenge(await worker.next());
    const secret = new Uint8Array(Buffer.from(keyOf(), "hex"));
    const coordinatorNonce = challenge?.nonce ?? "";
    const signed = createSession("worker", {
      secret,
      clusterId: server.clusterId,
      workerNonce,
      coordinatorNonce,
    });
    const tell = (type: string, body: object) =>
      worker.connection.send(signed.seal({ type, body, epoch: 1 }));
    const hear = async () => {
      const opened = signed.open(await worker.next());
      return opened.ok ? opened.envelope : null;
    };
    tell("hello", {
      worker_id: "w1",
      incarnation: "w1/1",
      slots: 1,
      labels: {},
      capabilities: CAPABILITIES,
      inventory: [],
      highest_epoch: 0,
      clock_ms: 0,
    });
    expect(await hear()).toMatchObject({ type: "welcome" });
    expect(await hear()).toMatchObject({
      type: "assign",
      body: { tasks: [{ task_id: task_ids[0], attempt: 1 }] },
    });
    const result = {
      outcome: "passed",
      exit_code: 0,
      signal: null,
      started_at: 1,
      duration_ms: 1,
      usage: null,
      counts: null,
      document: null,
      log_bytes: 0,
      error: null,
    };
    tell("results", { results: [{ task_id: task_ids[0], attempt: 1, result }] });
    expect(await hear()).toMatchObject({ type: "result_ack", body: { attempts: [{ verdict: "accepted" }] } });
    expect(await call(server, `/api/tasks/${task_ids[0]}`)).toMatchObject({ state: "completed" });
    expect(await call(server, "/api/workers/w1")).toMatchObject({ state: "online" });
    await server.close();
    expect(await worker.closed).toBe(1001);
  });
});

describe("WebSockets of pages", () => {
  test("show a dashboard the whole picture first and then what changes", async () => {
    const server = await start();
    const page = await dial(`${server.url}/ws/dashboard`);
    expect(JSON.parse(await page.next())).toMatchObject({ kind: "hello", tasks: [], status: { epoch: 1 } });
    const { task_ids } = await post<SubmitAnswer>(server, "/api/tasks/bulk", { tasks: [command] });
    for (;;) {
      const delta = JSON.parse(await page.next()) as {
        kind: string;
        tasks: { task_id: string; state: string }[];
      };
      expect(delta.kind).toBe("delta");
      if (delta.tasks.length === 0) continue;
      expect(delta.tasks).toMatchObject([{ task_id: task_ids[0], state: "queued" }]);
      break;
    }
    await server.close();
    expect(await page.closed).toBe(1001);
  });

  test.each([
    ["of a page from elsewhere", "/ws/dashboard", { origin: "http://evil.example" }, 403],
    ["for another host", "/ws", { host: "evil.example" }, 403],
    ["where none is served", "/ws/nothing", {}, 404],
  ])("%s are refused with a problem document", async (_what, path, headers, status) => {
    const server = await start();
    const socket = new WebSocket(`${server.url.replace("http", "ws")}${path}`, { headers });
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(status);
    expect(response.headers["content-type"]).toBe("application/problem+json");
    response.destroy();
    socket.on("error", () => {});
    socket.terminate();
  });
});

describe("on the wire", () => {
  const raw = async (server: RunningServer, text: string): Promise<string> => {
    const socket = connectSocket(server.port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.write(text);
    await once(socket, "close");
    return answer;
  };

  test("what is no HTTP, and headers above the limit, are answered with problem documents", async () => {
    const server = await start();
    expect(await raw(server, "nonsense\r\n\r\n")).toMatch(
      /^HTTP\/1.1 400 .*application\/problem\+json.*invalid_request/s,
    );
    const headers = `Host: 127.0.0.1:${server.port}\r\nX-Long: ${"x".repeat(20_000)}`;
    const long = `GET /api/status HTTP/1.1\r\n${headers}\r\n\r\n`;
    expect(await raw(server, long)).toMatch(/^HTTP\/1.1 431 .*headers_too_large/s);
    expect(await call<StatusView>(server, "/api/status")).toMatchObject({ epoch: 1 });
  });

  test("a body above the limit is refused while it is still being sent", async () => {
    const server = await start();
    const headers = { authorization: `Bearer ${keyOf()}`, "content-type": "application/json" };
    const sending = httpRequest(`${server.url}/api/tasks`, { method: "POST", headers });
    sending.on("error", () => {});
    const answered = once(sending, "response");
    const piece = Buffer.alloc(64 * 1024, " ");
    for (let i = 0; i < 20; i++) sending.write(piece);
    const [response] = (await answered) as [IncomingMessage];
    expect(response.statusCode).toBe(413);
    expect(response.headers.connection).toBe("close");
    response.destroy();
    sending.destroy();
  });

  test("a body that does not arrive is given up, and says after how long", async () => {
    const real = createClock();
    let giveUp: () => void = () => {};
    const waiting = new Promise<void>((resolve) => {
      clock.after = (delayMs, call) => {
        if (delayMs !== 30_000) return real.after(delayMs, call);
        giveUp = call;
        resolve();
        return { cancel: () => {} };
      };
    });
    const server = await start({ clock });
    const headers = [
      `Host: 127.0.0.1:${server.port}`,
      `Authorization: Bearer ${keyOf()}`,
      "Content-Type: application/json",
      "Content-Length: 100",
    ].join("\r\n");
    const answer = raw(server, `POST /api/tasks HTTP/1.1\r\n${headers}\r\n\r\n{"type":`);
    await waiting;
    giveUp();
    expect(await answer).toMatch(/^HTTP\/1.1 408 .*did not arrive within 30 s/s);
  });
  const clock = { ...createClock() };
});
