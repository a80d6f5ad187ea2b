// A process that thins the blob store out is killed before each of its steps, one after the other: whatever
// is named is there afterwards, and the next sweep does the rest.
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { openBlobStore } from "../../src/blobs/index.ts";

const CHILD = fileURLToPath(new URL("./sweep-child.mjs", import.meta.url));
const DAY = 86_400_000;
const run = promisify(execFile);
const LOG = { task_id: "kept", attempt: 1 };
const EXPIRED = { task_id: "expired", attempt: 1 };

const filesOf = (dir: string) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /packs|objects/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name));

test("a sweep that is killed before any of its steps loses nothing that is named", {
  timeout: 240_000,
}, async () => {
  const dir = mkdtempSync(join(tmpdir(), "testyard-sweep-kill-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const keep = [randomBytes(400), randomBytes(70), randomBytes(90_000)];
  const text = randomBytes(3_000);
  const first = await openBlobStore({ dir });
  for (const bytes of keep) await first.put(bytes);
  for (let i = 0; i < 30; i += 1) await first.put(randomBytes(i % 10 === 0 ? 80_000 : 1_000));
  for (let at = 0; at < text.length; at += 1_000)
    await first.appendLog(LOG, at, text.subarray(at, at + 1_000));
  await first.appendLog(EXPIRED, 0, randomBytes(5_000));
  await first.close();
  const now = Date.now();
  const old = (now - 3 * DAY) / 1_000;
  for (const path of filesOf(dir)) utimesSync(path, old, old);
  const named = [...keep.map((bytes) => createHash("sha256").update(bytes).digest("hex")), LOG.task_id];
  const sweep = (step: number, at: number) =>
    run(process.execPath, [CHILD, dir, String(step), String(at), String(DAY), ...named]).then(
      ({ stdout }) => JSON.parse(stdout) as { steps: number; freed_bytes: number },
      (error: { signal?: string }) => {
        if (error.signal === "SIGKILL") return null;
        throw error;
      },
    );
  const check = async () => {
    const store = await openBlobStore({ dir });
    for (const [i, bytes] of keep.entries()) {
      expect(Buffer.from(await store.get(named[i] ?? "")).equals(bytes)).toBe(true);
    }
    expect(Buffer.from(await store.readLog(LOG, { from: 0 })).equals(text)).toBe(true);
    await store.close();
  };
  const before = filesOf(dir).reduce((sum, path) => sum + statSync(path).size, 0);
  await sweep(-1, now);
  let kills = 0;
  for (let step = 0; ; step += 1) {
    const report = await sweep(step, now + DAY + 1);
    await check();
    if (report !== null) break;
    kills += 1;
    // Every other time the index is built again from the packs alone.
    if (step % 2 === 1) rmSync(join(dir, "index"), { recursive: true, force: true });
    if (step % 2 === 1) await sweep(-1, now);
  }
  await sweep(-1, now);
  await sweep(-1, now + DAY + 1);
  const after = filesOf(dir).reduce((sum, path) => sum + statSync(path).size, 0);
  await check();
  console.info(`kills ${kills}, bytes before ${before}, after ${after}`);
  expect(kills).toBeGreaterThan(5);
  expect(after).toBeLessThan(before / 2);
});
