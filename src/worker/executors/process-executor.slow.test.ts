import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openWorkspaceCache, scanWorkspace, uploadWorkspace } from "../../workspace/index.ts";
import type { WorkspaceCache } from "../../workspace/index.ts";
import type { BulkServer } from "../bulk/bulk-server.testing.ts";
import { bench, documentIn, temporaryDir } from "./executor.testing.ts";

/** Puts a tree into the server's blobs. @returns its hash */
async function ship(server: BulkServer, files: Record<string, string>): Promise<string> {
  const root = temporaryDir();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const scan = await scanWorkspace({ root });
  const transport = {
    missing: async (hashes: string[]) => hashes,
    putBatch: async (items: { bytes: Uint8Array }[]) => items.forEach(({ bytes }) => server.add(bytes)),
    putFile: async (_sha256: string, path: string) => void server.add(readFileSync(path)),
  };
  return (await uploadWorkspace({ scan, root, transport })).tree_hash;
}

async function realCache(): Promise<WorkspaceCache> {
  const cache = await openWorkspaceCache({ dir: temporaryDir(), limitBytes: 1e9, now: Date.now });
  onTestFinished(() => cache.close());
  return cache;
}

const NODE_SUITE = `import { test } from "node:test"; import assert from "node:assert";
test("adds", () => assert.equal(1 + 1, 2)); test("fails", () => assert.equal(1, 2));
test("later", { skip: "not yet" }, () => {});`;

describe("a suite in a shipped workspace", () => {
  test("runs under its own framework though connections break, and its cases carry identities", async () => {
    const { run, server } = await bench({ cache: await realCache() });
    const workspace = await ship(server, {
      "js/a.test.mjs": NODE_SUITE,
      "js/package.json": '{"type":"module"}',
    });
    server.faults = ["half", "cut", "half", "no_answer"];
    const result = await run(
      { config: { adapter: "node-test", suite: "js", files: ["a.test.mjs"] }, workspace },
      { type: "test" },
    );
    expect(result).toMatchObject({
      outcome: "failed",
      counts: { passed: 1, failed: 1, skipped: 1, error: 0 },
    });
    const { cases, framework } = documentIn(result, server);
    expect(framework).toBe("node-test");
    expect(cases.map(({ file, name }) => `${file} ${name}`)).toEqual([
      "js/a.test.mjs adds",
      "js/a.test.mjs fails",
      "js/a.test.mjs later",
    ]);
  });

  test("is fetched once for a run and reused by its next task", async () => {
    const { run, server } = await bench({ cache: await realCache() });
    const workspace = await ship(server, { file: "content" });
    expect((await run({ config: { shell: "cat file; echo left > behind" }, workspace })).log).toBe("content");
    const before = server.requests.filter(({ path }) => path.startsWith("/api/blobs")).length;
    expect((await run({ config: { shell: "cat behind" }, workspace })).log).toBe("left\n");
    expect(server.requests.filter(({ path }) => path.startsWith("/api/blobs"))).toHaveLength(before);
    const fresh = await run({ config: { shell: "ls" }, workspace }, { run_id: "R2" });
    expect(fresh.log).toBe("file\n");
  });

  test("whose blob is nowhere is a matter of the infrastructure", async () => {
    const { run, server } = await bench({ cache: await realCache() });
    const workspace = await ship(server, { file: "content" });
    server.blobs.clear();
    const result = await run({ config: { shell: "true" }, workspace });
    expect(result).toMatchObject({ outcome: "infrastructure", error: { code: "blob_missing" } });
  });
});

describe("much output", () => {
  test("of 100 MB is stored up to the limit, in bounded memory", async () => {
    const { run, server } = await bench({ logLimitBytes: 8 * 1024 * 1024 });
    const before = process.memoryUsage.rss();
    let most = 0;
    server.onRequest = () => {
      most = Math.max(most, process.memoryUsage.rss());
      return undefined;
    };
    const result = await run({ config: { shell: "head -c 100000000 /dev/zero | tr '\\0' x; echo; exit 4" } });
    expect(result).toMatchObject({ outcome: "failed", exit_code: 4, error: { code: "log_truncated" } });
    expect(result.log_bytes).toBeGreaterThan(8 * 1024 * 1024);
    expect(result.log_bytes).toBeLessThan(8 * 1024 * 1024 + 200);
    expect(most - before).toBeLessThan(150 * 1024 * 1024);
  });

  test("while the coordinator is away waits in a file, and arrives whole", async () => {
    const { start, server, workDir } = await bench();
    let asked: () => void = () => {};
    const away = new Promise<void>((resolve) => {
      asked = resolve;
    });
    server.onRequest = () => {
      asked();
      return { status: 503, headers: { "retry-after": "1" } };
    };
    const attempt = start({ config: { shell: "seq 1 1000000" } });
    await away;
    await new Promise<void>((resolve) => {
      server.onRequest = () => {
        resolve();
        return { status: 503, headers: { "retry-after": "0" } };
      };
    });
    expect(readdirSync(join(workDir, "attempts")).filter((name) => name.endsWith(".log"))).toHaveLength(1);
    server.onRequest = null;
    expect(await attempt.done).toMatchObject({ outcome: "passed", error: null, log_bytes: 6_888_896 });
    expect(attempt.log().endsWith("\n999999\n1000000\n")).toBe(true);
    expect(readdirSync(join(workDir, "attempts"))).toEqual([]);
  });
});

test("twenty attempts at once keep their outputs, outcomes and folders apart", async () => {
  const { run } = await bench();
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      run({ config: { shell: `echo ${i} > mine; sleep 0.1; cat mine; exit ${i % 2}` } }, { slot: i }),
    ),
  );
  expect(results.map(({ log }) => log)).toEqual(results.map((_, i) => `${i}\n`));
  expect(results.map(({ outcome }) => outcome)).toEqual(
    results.map((_, i) => (i % 2 === 0 ? "passed" : "failed")),
  );
});
