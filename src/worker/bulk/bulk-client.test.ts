import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createClock, createRandom } from "../../platform/index.ts";
import type { Random } from "../../ports/index.ts";
import { createBulkClient } from "./bulk-client.ts";
import type { BulkClient } from "./bulk-client.ts";
import { bulkServer, sha256Of } from "./bulk-server.testing.ts";
import type { BulkServer } from "./bulk-server.testing.ts";

/** Waits between tries as short as chance can make them. */
const impatient: Random = { ...createRandom(), unit: () => 0.01 };
const never = new AbortController().signal;

function clientOf(...servers: (BulkServer | string)[]): BulkClient {
  const urls = servers.map((server) => (typeof server === "string" ? server : server.url));
  const client = createBulkClient({ urls, key: "secret-key", clock: createClock(), random: impatient });
  onTestFinished(() => client.close());
  return client;
}

async function gather(client: BulkClient, hashes: string[]): Promise<Record<string, string>> {
  const got: Record<string, string> = {};
  for await (const { sha256, bytes } of client.fetcher(never).fetchMany(hashes)) {
    expect(got[sha256]).toBeUndefined();
    got[sha256] = Buffer.from(bytes).toString("utf8");
  }
  return got;
}

describe("fetching many blobs", () => {
  test("gives each once, leaves out what is not there, and shows its key", async () => {
    const server = await bulkServer();
    const [a, b] = [server.add("one"), server.add("")];
    const missing = sha256Of("nowhere");
    expect(await gather(clientOf(server), [a, missing, b])).toEqual({ [a]: "one", [b]: "" });
    expect(server.requests.map(({ key }) => key)).toEqual(["Bearer secret-key"]);
  });

  test("goes on after a connection that broke in the middle, with what was not delivered", async () => {
    const server = await bulkServer();
    const hashes = Array.from({ length: 40 }, (_, i) => server.add(`blob ${i} ${"x".repeat(3000)}`));
    server.faults = ["half", "cut", "half"];
    expect(Object.keys(await gather(clientOf(server), hashes)).sort()).toEqual([...hashes].sort());
    const sizes = server.requests.map(({ bytes }) => bytes);
    expect(sizes).toHaveLength(3);
    expect(sizes[1]).toBeLessThan((sizes[0] ?? 0) * 0.7);
  });

  test("an answer that is not in the format is a refusal", async () => {
    const server = await bulkServer();
    server.faults = [{ status: 200, body: Buffer.alloc(100, 0xfe) }];
    await expect(gather(clientOf(server), [server.add("a")])).rejects.toMatchObject({ code: "bad_answer" });
  });
});

describe("one blob", () => {
  test("is written to a file whole though the connection broke in the middle", async () => {
    const server = await bulkServer();
    const dir = mkdtempSync(join(tmpdir(), "testyard-bulk-"));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const content = Buffer.alloc(3_000_000, "abcdefg");
    const hash = server.add(content);
    server.faults = ["half", "half"];
    await clientOf(server).fetcher(never).fetchToFile(hash, join(dir, "blob"));
    expect(readFileSync(join(dir, "blob")).equals(content)).toBe(true);
  });

  test("that cannot be written here is no reason to ask again", async () => {
    const server = await bulkServer();
    const fetcher = clientOf(server).fetcher(never);
    await expect(fetcher.fetchToFile(server.add("x"), "/no/such/folder/blob")).rejects.toMatchObject({
      code: "disk_failed",
    });
    expect(server.requests).toHaveLength(1);
  });

  test("that the coordinator does not have is refused at once", async () => {
    const server = await bulkServer();
    const ask = clientOf(server).getBlob(sha256Of("nowhere"), { signal: never, limitBytes: 100 });
    await expect(ask).rejects.toMatchObject({ code: "blob_missing", status: 404 });
    expect(server.requests).toHaveLength(1);
  });

  test("that arrives damaged is fetched again, and given up after three times", async () => {
    const server = await bulkServer();
    const hash = server.add("right");
    server.faults = [{ status: 200, body: Buffer.from("wrong") }];
    const client = clientOf(server);
    const got = await client.getBlob(hash, { signal: never, limitBytes: 100 });
    expect(Buffer.from(got).toString("utf8")).toBe("right");
    server.faults = Array.from({ length: 3 }, () => ({ status: 200, body: Buffer.from("wrong") }));
    await expect(client.getBlob(hash, { signal: never, limitBytes: 100 })).rejects.toMatchObject({
      code: "blob_corrupt",
    });
  });

  test("larger than asked for is not read to its end", async () => {
    const server = await bulkServer();
    const ask = clientOf(server).getBlob(server.add("x".repeat(5000)), { signal: never, limitBytes: 1000 });
    await expect(ask).rejects.toMatchObject({ code: "body_too_large" });
  });

  test("is stored once though the answer was lost", async () => {
    const server = await bulkServer();
    server.faults = ["no_answer", "cut", { status: 503 }, { status: 500, body: "not JSON" }];
    const hash = await clientOf(server).putBlob(Buffer.from("document"), never);
    expect(server.blobs.get(hash)?.toString("utf8")).toBe("document");
  });
});

describe("a log chunk", () => {
  const place = (offset: number) => ({ task_id: "T1", attempt: 2, offset });

  test("sent again after a lost answer is stored once", async () => {
    const server = await bulkServer();
    const client = clientOf(server);
    server.faults = ["no_answer"];
    expect(await client.appendLog(place(0), Buffer.from("hello "), { signal: never })).toEqual({ size: 6 });
    expect(await client.appendLog(place(6), Buffer.from("world"), { signal: never })).toEqual({ size: 11 });
    expect(server.logs.get("T1.2")?.toString("utf8")).toBe("hello world");
  });

  test("behind a hole is answered with the place to go on from", async () => {
    const server = await bulkServer();
    expect(await clientOf(server).appendLog(place(500), Buffer.from("late"), { signal: never })).toEqual({
      size: 0,
    });
  });

  test("of an attempt that no longer counts is refused for good", async () => {
    const server = await bulkServer();
    server.faults = [{ status: 409, body: { code: "stale_attempt", detail: "attempt 3 runs" } }];
    const append = clientOf(server).appendLog(place(0), Buffer.from("x"), { signal: never });
    await expect(append).rejects.toMatchObject({ code: "stale_attempt", message: "attempt 3 runs" });
  });
});

describe("a coordinator that is away", () => {
  test("is waited for, however long, and found where it comes back", async () => {
    const server = await bulkServer();
    await server.stop();
    const put = clientOf(server).putBlob(Buffer.from("late"), never);
    await server.start();
    expect(server.blobs.has(await put)).toBe(true);
  });

  test("is left for another address of the yard", async () => {
    const [gone, standby, leader] = [await bulkServer(), await bulkServer(), await bulkServer()];
    await gone.stop();
    standby.onRequest = () => ({ status: 307, headers: { location: `${leader.url}/api/somewhere` } });
    const hash = await clientOf(gone, standby, leader).putBlob(Buffer.from("x"), never);
    expect([standby.blobs.has(hash), leader.blobs.has(hash)]).toEqual([false, true]);
  });

  test("cannot send the key to an address that is none of the yard's", async () => {
    const [first, stranger] = [await bulkServer(), await bulkServer()];
    first.faults = [
      { status: 307, headers: { location: `${stranger.url}/api/x` } },
      { status: 302, headers: { location: "::" } },
    ];
    const hash = first.add("content");
    await clientOf(first).getBlob(hash, { signal: never, limitBytes: 100 });
    expect(first.requests).toHaveLength(3);
    expect(stranger.requests).toEqual([]);
  });

  test("is replaced by the one that welcomed the worker, at once and by its WebSocket address", async () => {
    const [old, next] = [await bulkServer(), await bulkServer()];
    const patient = { ...impatient, unit: () => 1 };
    const client = createBulkClient({ urls: [old.url], key: "k", clock: createClock(), random: patient });
    onTestFinished(() => client.close());
    let turnedAway = 0;
    const away = new Promise<void>((resolve) => {
      old.onRequest = () => {
        turnedAway += 1;
        if (turnedAway === 4) resolve();
        return { status: 503, headers: { "retry-after": turnedAway < 4 ? "0" : "900" } };
      };
    });
    const put = client.putBlob(Buffer.from("x"), never);
    await away;
    client.setBase(`${next.url.replace("http", "ws")}/ws`);
    expect(next.blobs.has(await put)).toBe(true);
  });

  test("holds nobody who gives up, and nobody when the client is closed", async () => {
    const server = await bulkServer();
    server.onRequest = () => ({ status: 503, headers: { "retry-after": "900" } });
    const giveUp = new AbortController();
    const client = clientOf(server);
    const one = client.putBlob(Buffer.from("x"), giveUp.signal);
    const two = client.appendLog({ task_id: "t", attempt: 1, offset: 0 }, Buffer.from("x"), {
      signal: never,
    });
    giveUp.abort();
    await expect(one).rejects.toMatchObject({ code: "bulk_aborted" });
    client.close();
    await expect(two).rejects.toMatchObject({ code: "bulk_aborted" });
  });

  test("is asked by no more than ten requests at once", async () => {
    const server = await bulkServer();
    let open = 0;
    let most = 0;
    server.onRequest = () => {
      open += 1;
      most = Math.max(most, open);
      setImmediate(() => setImmediate(() => void (open -= 1)));
      return undefined;
    };
    const client = clientOf(server);
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.putBlob(Buffer.from(`${i}`), never)));
    expect(server.blobs.size).toBe(100);
    expect(most).toBeLessThanOrEqual(10);
  });
});
