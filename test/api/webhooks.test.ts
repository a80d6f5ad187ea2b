// Webhooks against a real receiver: TLS, sockets, signatures, and a stop between a run's end and its telling.
import { execFileSync } from "node:child_process";
import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, type Client } from "../../src/client/index.ts";
import { startServer, type RunningServer } from "../../src/coordinator/index.ts";
import * as platform from "../../src/platform/index.ts";
import { silentLogger, type Resolver } from "../../src/ports/index.ts";
import { openLocalResults } from "../../src/results/index.ts";

interface Message {
  headers: IncomingMessage["headers"];
  body: string;
  servername: string;
}

let dir: string;
let server: RunningServer | null = null;
let receiver: Server;
let received: Message[];
let onMessage: (response: ServerResponse, count: number) => void;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "testyard-webhooks-"));
  mkdirSync(join(dir, "tls"));
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const named = ["-subj", "/CN=receiver.test", "-addext", "subjectAltName=DNS:receiver.test"];
  const files = ["-keyout", join(dir, "tls/key.pem"), "-out", join(dir, "tls/cert.pem")];
  execFileSync("openssl", ["req", "-x509", ...made, ...named, ...files], { stdio: "pipe" });
  received = [];
  onMessage = (response) => response.writeHead(204).end();
  const [key, cert] = ["key", "cert"].map((name) => readFileSync(join(dir, `tls/${name}.pem`)));
  receiver = createServer({ key, cert }, (request, response) => {
    const { servername } = request.socket as unknown as { servername: string };
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      received.push({ headers: request.headers, body, servername });
      onMessage(response, received.length);
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await server?.close();
  server = null;
  receiver.closeAllConnections();
  await new Promise((resolve) => receiver.close(resolve));
  rmSync(dir, { recursive: true, force: true });
});

const urlOf = () => `https://receiver.test:${(receiver.address() as AddressInfo).port}/hook?a=b`;
const LOOPBACK: Resolver = { addresses: async () => ["127.0.0.1"] };

interface Policy {
  hosts: string[];
  privateHosts: string[];
}
const ALLOWED: Policy = { hosts: [], privateHosts: ["receiver.test"] };

async function start(policy: Policy = ALLOWED, resolver: Resolver = LOOPBACK): Promise<Client> {
  server = await startServer({
    host: "127.0.0.1",
    port: 0,
    dataDir: join(dir, "data"),
    coordinatorId: "c1",
    version: "0.0.0",
    process: {
      host: hostname(),
      pid: process.pid,
      started: platform.processStartTime(process.pid) ?? "",
    },
    startTimeOf: platform.processStartTime,
    clock: platform.createClock(),
    random: platform.createRandom(),
    logger: silentLogger,
    wrapWebSocket: platform.wrapWebSocket,
    maxPayloadBytes: platform.WS_MAX_PAYLOAD_BYTES,
    webhooks: {
      policy,
      resolver,
      poster: platform.createHttpsPoster({ ca: readFileSync(join(dir, "tls/cert.pem"), "utf8") }),
    },
    openResults: ({ log, dbPath, clusterId, readBlob }) =>
      openLocalResults({ log, dbPath, clusterId, readBlob }),
  });
  const key = readFileSync(join(dir, "data", "client-key"), "utf8").trim();
  return connect({ url: server.url, key });
}

/** A run of one task that is told to the receiver and has ended. */
async function endRun(client: Client): Promise<string> {
  const task = { type: "command" as const, name: "a", config: { command: ["true"] } };
  const { run_id } = await client.submitTasks([task], { run: { name: "n", webhooks: [urlOf()] } });
  await client.cancelRun(run_id);
  return run_id;
}

/** Until the only delivery is as asked for. */
async function deliveryWhen(client: Client, isThere: (text: string) => boolean): Promise<string> {
  for (;;) {
    const text = JSON.stringify(await client.deliveries());
    if (isThere(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** As the documents tell receivers to. */
function isGenuine({ headers, body }: Message, secret: string): boolean {
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = headers;
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const mac = createHmac("sha256", key)
    .update(`${String(id)}.${String(time)}.${body}`)
    .digest("base64");
  const [own, sent] = [Buffer.from(`v1,${mac}`), Buffer.from(String(signature))];
  return own.length === sent.length && timingSafeEqual(own, sent);
}

test("a receiver gets the end of a run, under its own name, with a signature that it can check", async () => {
  const client = await start();
  const run_id = await endRun(client);
  await deliveryWhen(client, (text) => text.includes('"delivered"'));
  const [message] = received;
  if (message === undefined) throw new Error("it was delivered");
  expect(message.servername).toBe("receiver.test");
  expect(message.headers.host).toBe(new URL(urlOf()).host);
  expect(JSON.parse(message.body)).toMatchObject({ type: "run.ended", run: { run_id, name: "n" } });
  const path = join(dir, "data", "webhook-secret");
  const secret = readFileSync(path, "utf8").trim();
  expect(statSync(path).mode & 0o077).toBe(0);
  expect(isGenuine(message, secret)).toBe(true);
  expect(isGenuine({ ...message, body: message.body.replace("cancelled", "passed") }, secret)).toBe(false);
  expect(isGenuine(message, `whsec_${Buffer.alloc(32).toString("base64")}`)).toBe(false);
});

test("a redirect is not followed", async () => {
  onMessage = (response) => response.writeHead(302, { location: "https://receiver.test/" }).end();
  const client = await start();
  await endRun(client);
  expect(await deliveryWhen(client, (text) => text.includes('"code"'))).toContain("webhook_redirect");
  expect(received).toHaveLength(1);
});

test("a receiver that never answers is given five seconds", async () => {
  onMessage = () => {};
  const client = await start();
  await endRun(client);
  expect(await deliveryWhen(client, (text) => text.includes('"code"'))).toContain("webhook_timeout");
}, 15_000);

test("an answer that is none, a change of protocol, is a failed try", async () => {
  onMessage = ({ socket }) =>
    socket?.end("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
  const client = await start();
  await endRun(client);
  const text = await deliveryWhen(client, (listed) => listed.includes("webhook_unreachable"));
  expect(text).toContain("without an answer");
});

test("an answer without an end is cut off", async () => {
  onMessage = (response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(64 * 1024)));
    };
    response.on("drain", more);
    more();
  };
  const client = await start();
  await endRun(client);
  await deliveryWhen(client, (text) => text.includes('"delivered"'));
});

test("500 and then 200 is two tries of one message", async () => {
  onMessage = (response, count) => response.writeHead(count === 1 ? 500 : 200).end();
  const client = await start();
  await endRun(client);
  await deliveryWhen(client, (text) => text.includes('"delivered"'));
  const ids = received.map(({ headers }) => headers["webhook-id"]);
  expect(ids).toEqual([ids[0], ids[0]]);
}, 15_000);

test("what could not be told before a stop is told after the next start", async () => {
  const unreachable: Resolver = { addresses: () => Promise.reject(new Error("no such name")) };
  const client = await start(ALLOWED, unreachable);
  const run_id = await endRun(client);
  await deliveryWhen(client, (text) => text.includes("webhook_unresolved"));
  await server?.close();
  const again = await start();
  await deliveryWhen(again, (text) => text.includes('"delivered"'));
  expect(received.map(({ body }) => JSON.parse(body).run.run_id)).toEqual([run_id]);
});

test("without being allowed there is no webhook, and none to this machine", async () => {
  const client = await start({ hosts: [], privateHosts: [] });
  await expect(client.addWebhook(urlOf())).rejects.toMatchObject({ code: "webhook_refused" });
  await expect(endRun(client)).rejects.toMatchObject({ code: "webhook_refused" });
  await server?.close();
  const other = await start({ hosts: ["receiver.test"], privateHosts: [] });
  await endRun(other);
  const found = await deliveryWhen(other, (text) => text.includes('"code"'));
  expect(found).toContain("webhook_address_refused");
  expect(received).toEqual([]);
});

test("a certificate that nobody vouches for is no receiver", async () => {
  const strict = platform.createHttpsPoster();
  const post = { url: new URL(urlOf()), address: "127.0.0.1", headers: {}, body: "{}", timeoutMs: 5_000 };
  await expect(strict.post(post)).rejects.toThrow(/self-signed|certificate/);
});

test("a webhook of the yard is told of every run, until it is removed", async () => {
  const client = await start();
  const task = { type: "command" as const, name: "a", config: { command: ["true"] } };
  const { webhook_id } = await client.addWebhook(urlOf());
  expect(await client.addWebhook(urlOf())).toMatchObject({ webhook_id });
  const { run_id } = await client.submitTasks([task]);
  await client.cancelRun(run_id);
  await deliveryWhen(client, (text) => text.includes('"delivered"'));
  await client.removeWebhook(webhook_id);
  expect(await client.webhooks()).toEqual([]);
});
