import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { onTestFinished, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import type { Connection } from "../ports/index.ts";
import { createWsDialer, wrapWebSocket, WS_MAX_PAYLOAD_BYTES } from "./websocket.ts";

async function serve(
  onConnection: (connection: Connection) => void,
  more: { pingMs?: number } = {},
): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", maxPayload: WS_MAX_PAYLOAD_BYTES });
  server.on("connection", (ws) => onConnection(wrapWebSocket(ws, more)));
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`;
}

const nextMessage = (connection: Connection) =>
  new Promise<string>((resolve) => connection.onMessage(resolve));
const closed = (connection: Connection) =>
  new Promise<{ code: number; reason: string }>((resolve) =>
    connection.onClose((code, reason) => resolve({ code, reason })),
  );

test("messages go both ways in order, and none is lost before somebody listens", async () => {
  const url = await serve((connection) => {
    for (const text of ["one", "two", "three"]) connection.send(text);
    connection.onMessage((text) => connection.send(`echo ${text}`));
  });
  const connection = await createWsDialer().dial(url);
  connection.send("ü");
  await new Promise((resolve) => setImmediate(resolve));
  const got: string[] = [];
  await new Promise<void>((resolve) =>
    connection.onMessage((text) => {
      got.push(text);
      if (got.length === 4) resolve();
    }),
  );
  expect(got).toEqual(["one", "two", "three", "echo ü"]);
  connection.close(1000, "done");
});

test("the code and reason of a close arrive on the other side", async () => {
  const url = await serve((connection) => connection.close(4409, "replaced ".repeat(40)));
  const connection = await createWsDialer().dial(url);
  const end = await closed(connection);
  expect(end.code).toBe(4409);
  expect(end.reason).toMatch(/^replaced replaced/);
});

test("a frame above the limit closes its sender's connection, the largest allowed one passes", async () => {
  const sizes: number[] = [];
  const url = await serve((connection) => {
    connection.onMessage((text) => {
      sizes.push(text.length);
      connection.send("got it");
    });
  });
  const connection = await createWsDialer().dial(url);
  const answer = nextMessage(connection);
  connection.send("x".repeat(1024 * 1024));
  await answer;
  connection.send("x".repeat(WS_MAX_PAYLOAD_BYTES + 1));
  expect((await closed(connection)).code).toBe(1009);
  expect(sizes).toEqual([1024 * 1024]);
});

test("dialling nobody, or something else, rejects", async () => {
  const other = createServer((socket) => socket.resume().end("HTTP/1.1 503 busy\r\n\r\n"));
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  await expect(createWsDialer().dial(`ws://127.0.0.1:${port}/`)).rejects.toThrow("503");
  other.close();
  await once(other, "close");
  await expect(createWsDialer().dial(`ws://127.0.0.1:${port}/`)).rejects.toThrow("ECONNREFUSED");
  await expect(createWsDialer().dial("nonsense://x")).rejects.toThrow("protocol");
});

test("a peer that takes the connection and then says nothing is given up", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket));
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const dialer = createWsDialer({ dialTimeoutMs: 60 });
  await expect(dialer.dial(`ws://127.0.0.1:${port}/`)).rejects.toThrow(/timed out/);
  for (const socket of sockets) socket.destroy();
  silent.close();
});

test("two unanswered pings cut the connection; a peer that answers keeps it", async () => {
  const url = await serve(() => {});
  const { server, freeze } = await cuttableProxy(url);
  const frozen = await createWsDialer({ pingMs: 25 }).dial(server);
  const alive = await createWsDialer({ pingMs: 25 }).dial(url);
  let isOpen = true;
  alive.onClose(() => {
    isOpen = false;
  });
  freeze();
  expect((await closed(frozen)).code).toBe(1006);
  expect(isOpen).toBe(true);
  alive.close(1000, "");
});

/** Passes bytes on until it is told to keep them: what a cut cable looks like from both ends. */
async function cuttableProxy(target: string): Promise<{ server: string; freeze: () => void }> {
  const { createConnection } = await import("node:net");
  const { hostname, port } = new URL(target);
  const pairs: Socket[] = [];
  const proxy = createServer((near) => {
    const far = createConnection({ host: hostname, port: Number(port) });
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
    pairs.push(near, far);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => {
    for (const socket of pairs) socket.destroy();
    proxy.close();
  });
  const freeze = () => {
    for (const socket of pairs) socket.unpipe().pause();
  };
  return { server: `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}/ws`, freeze };
}
