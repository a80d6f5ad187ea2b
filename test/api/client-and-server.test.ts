// The client against a real server: real files, real sockets, and a stop and start in between.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connect, type Client } from "../../src/client/index.ts";
import { startServer, type RunningServer } from "../../src/coordinator/index.ts";
import { createClock, createRandom, processStartTime, wrapWebSocket } from "../../src/platform/index.ts";
import { WS_MAX_PAYLOAD_BYTES } from "../../src/platform/index.ts";
import { silentLogger } from "../../src/ports/index.ts";
import { openLocalResults } from "../../src/results/index.ts";
import { scanWorkspace, uploadWorkspace } from "../../src/workspace/index.ts";

let dir: string;
let server: RunningServer | null = null;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "testyard-api-"));
});
afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(dir, { recursive: true, force: true });
});

async function start(port = 0): Promise<Client> {
  server = await startServer({
    host: "127.0.0.1",
    port,
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
  });
  const key = readFileSync(join(dir, "data", "client-key"), "utf8").trim();
  return connect({ url: server.url, key });
}

const command = (name: string) => ({ type: "command" as const, name, config: { command: ["true"] } });

test("a feed tells everything once although the coordinator stops and starts meanwhile", async () => {
  const client = await start();
  const port = server?.port ?? 0;
  const run = await client.openRun({ name: "restarted" });
  const { task_ids } = await client.submitTasks(["a", "b", "c", "d"].map(command), { run_id: run.run_id });
  const [a = "", b = "", c = "", d = ""] = task_ids;
  await client.cancelTask(a);
  const told: string[] = [];
  for await (const item of client.feed(run.run_id, { from: run.position })) {
    if (item.kind === "run_ended") break;
    told.push(`${item.kind} ${item.task_id}`);
    if (item.task_id === a) await client.cancelTask(b);
    if (item.task_id === b) {
      await server?.close();
      await start(port);
      await client.cancelTask(c);
    }
    if (item.task_id === c) await client.cancelTask(d);
  }
  expect(told).toEqual(task_ids.map((id) => `task_ended ${id}`));
  expect(await client.run(run.run_id)).toMatchObject({ open: 0, total: 4, counts: { cancelled: 4 } });
});

test("a submission is answered the same after a restart, and is there once", async () => {
  const first = await start();
  const sent = await first.submitTasks([command("a"), command("b")], { idempotencyKey: "k" });
  await server?.close();
  const second = await start();
  const again = await second.submitTasks([command("a"), command("b")], { idempotencyKey: "k" });
  expect(again).toEqual({ ...sent, replayed: true });
  const all: string[] = [];
  for await (const { task_id } of second.allTasks()) all.push(task_id);
  expect(all).toEqual(sent.task_ids.toReversed());
  expect((await second.status()).tasks.queued).toBe(2);
});

test("a task is submitted, explained, shown and cancelled", async () => {
  const client = await start();
  const { task_id, run_id } = await client.submitTask({
    ...command("a"),
    requirements: { hardware: ["cuda"] },
  });
  expect(await client.explain(task_id)).toMatchObject({
    state: "queued",
    summary: "no worker is registered",
  });
  expect(await client.task(task_id)).toMatchObject({
    state: "queued",
    run_id,
    config: { command: ["true"] },
  });
  expect((await client.cancelTask(task_id)).state).toBe("cancelled");
  await expect(client.cancelTask(task_id)).rejects.toMatchObject({
    code: "task_ended",
    details: { state: "cancelled" },
  });
  expect(await client.cancelRun(run_id)).toMatchObject({ open: 0 });
  expect((await client.runs()).items).toMatchObject([{ run_id }]);
  expect(await client.workers()).toEqual([]);
  expect((await client.dashboard()).tasks).toMatchObject([{ task_id, state: "cancelled" }]);
});

test("a workspace is uploaded once, small files packed and large ones singly", async () => {
  const client = await start();
  const root = join(dir, "workspace");
  mkdirSync(root);
  for (let i = 0; i < 50; i++) writeFileSync(join(root, `${i}.txt`), `file ${i}`);
  const large = Buffer.alloc(5 * 1024 * 1024, "large");
  writeFileSync(join(root, "large.bin"), large);
  const scan = await scanWorkspace({ root });
  const upload = () => uploadWorkspace({ scan, root, transport: client.blobTransport() });
  expect(await upload()).toMatchObject({ uploadedBlobs: 52, tree_hash: scan.treeHash });
  expect(await upload()).toMatchObject({ uploadedBlobs: 0, uploadedBytes: 0 });
  const sha256 = createHash("sha256").update(large).digest("hex");
  const got = await fetch(`${client.url}/api/blobs/${sha256}`);
  expect(Buffer.from(await got.arrayBuffer()).equals(large)).toBe(true);
});

test("documents are read from where they are: in the event, or in the blob store", async () => {
  const client = await start();
  const document = { format: 1, framework: "tap", cases: [], metrics: [] };
  const text = JSON.stringify(document);
  const sha256 = createHash("sha256").update(text).digest("hex");
  await client.blobTransport().putBatch([{ sha256, bytes: Buffer.from(text) }]);
  expect(await client.document(text)).toEqual(document);
  expect(await client.document({ blob: sha256 })).toEqual(document);
  await expect(client.document({ blob: "0".repeat(64) })).rejects.toMatchObject({ code: "blob_missing" });
});

test("without the key everything can be read and nothing changed", async () => {
  const { url } = await start();
  const reader = connect({ url });
  expect((await reader.status()).tasks.queued).toBe(0);
  await expect(reader.submitTask(command("a"))).rejects.toMatchObject({ code: "unauthorized", status: 401 });
});
