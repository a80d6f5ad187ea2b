/** The real process, from the build, over a real log: killed, cut off from its parent, refused, measured. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, fstatSync, mkdirSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { watch, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createPrng, type Event } from "../core/index.ts";
import { type LmdbLog, openLmdbLog } from "../log/index.ts";
import { type Logger, silentLogger } from "../ports/index.ts";
import { dump, selectFrom } from "./dump.testing.ts";
import {
  attempt,
  claim,
  CLUSTER,
  createHistory,
  document,
  type History,
  putBlob,
  randomStep,
  reportedCase,
  result,
  spec,
  submit,
  worker,
} from "./history.testing.ts";
import { startResults, type StartedResults } from "./start.ts";

const built = (name: string) => fileURLToPath(new URL(`../../dist/results/${name}`, import.meta.url));
const processPath = built("results-process.js");

let dir: string;
let log: LmdbLog;
let history: History;
const started: StartedResults[] = [];

beforeAll(() => {
  if (!existsSync(processPath)) throw new Error(`${processPath} is missing: npm run build`);
});

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "testyard-results-"));
  log = await openLmdbLog({ dir: join(dir, "log") });
  history = createHistory(log, { seed: 21 });
});

afterEach(async () => {
  for (const results of started.splice(0)) await results.close();
  await log.close();
  rmSync(dir, { recursive: true, force: true });
});

async function start(name = "results.duckdb", logger: Logger = silentLogger): Promise<StartedResults> {
  const results = await startResults({
    logger,
    logDir: join(dir, "log"),
    dbPath: join(dir, name),
    clusterId: CLUSTER,
    readBlob: async (hash) => history.blobs.get(hash) ?? null,
    processPath,
  });
  started.push(results);
  return results;
}

async function catchUp(results: StartedResults): Promise<void> {
  results.poke(history.tip.position);
  await results.reached(history.tip.position);
}

function walWritten(name: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dir, (_, file) => {
      if (file !== `${name}.wal`) return;
      watcher.close();
      resolve();
    });
  });
}

async function build(name: string): Promise<void> {
  const results = await start(name);
  await catchUp(results);
  await results.close();
}

it("follows the log of the coordinator, with blobs from it, and answers queries", async () => {
  const run_id = await history.begin();
  const results = await start();
  const id = history.id();
  await history.run(submit(run_id, [spec(id, run_id)]));
  await attempt(history, id, result({ document: putBlob(history, document([reportedCase("a")])) }));
  await catchUp(results);
  expect(await results.query("task", { task_id: id })).toMatchObject({ state: "completed", attempts: 1 });
  expect(await results.query("cases", { run_id })).toMatchObject([{ name: "a", outcome: "passed" }]);
  expect(results.status()).toEqual({ watermark: history.tip.position, failed: null });
  const pid = results.pid() ?? 0;
  await results.close();
  expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
});

it("holds, after kill -9 at any moment, what a build from the whole log holds", {
  timeout: 120_000,
}, async () => {
  const prng = createPrng(5);
  await history.run(claim(1));
  for (const name of ["w1", "w2", "w3"]) await history.run(worker(name, `${name}-a`));
  const results = await start("live.duckdb");
  const pids = new Set<number>();
  for (let kill = 0; kill < 10; kill++) {
    for (let step = 0; step < 25; step++) await randomStep(history, prng);
    // Most kills fall into the commit itself: DuckDB has begun to write it, and nobody has been told.
    const commit = prng.chance(0.8) ? walWritten("live.duckdb") : Promise.resolve();
    results.poke(history.tip.position);
    await commit;
    const pid = results.pid();
    if (pid !== null) {
      pids.add(pid);
      process.kill(pid, "SIGKILL");
    }
    if (prng.chance(0.7)) await results.reached(history.tip.position);
  }
  await catchUp(results);
  await results.close();
  await build("fresh.duckdb");
  const live = await dump(join(dir, "live.duckdb"));
  expect(pids.size).toBeGreaterThan(5);
  expect(live["attempts"]?.length).toBeGreaterThan(20);
  expect(live).toEqual(await dump(join(dir, "fresh.duckdb")));
});

it("answers results_unavailable while its process is away, and again when it is back", async () => {
  await history.begin();
  const results = await start();
  await catchUp(results);
  process.kill(results.pid() ?? 0, "SIGKILL");
  const back = new Promise<void>((resolve) => {
    results.onWatermark(() => resolve());
  });
  await expect(results.query("counts", {})).rejects.toMatchObject({ code: "results_unavailable" });
  expect(results.status().failed).toMatch(/SIGKILL/);
  await back;
  expect(await results.query("counts", {})).toMatchObject({ open: 0 });
  expect(results.status().failed).toBeNull();
});

describe("SQL of people", () => {
  const request = (sql: string) => ({ sql, parameters: [], limit: 10 });
  const one = async (results: StartedResults) =>
    Buffer.from((await results.sql(request("SELECT 1"))).rows).toString();

  it("costs the process when it takes memory that DuckDB does not count, and nothing else", async () => {
    const run_id = await history.begin();
    const results = await start();
    await catchUp(results);
    const pid = results.pid();
    await expect(results.sql(request("SELECT unnest(range(1000000000))"))).rejects.toMatchObject({
      code: "sql_memory",
    });
    await history.run(submit(run_id, [spec(history.id(), run_id)]));
    await catchUp(results);
    expect(results.pid()).not.toBe(pid);
    expect(await one(results)).toBe("[[1]]");
  });

  it("ends when nobody waits for it any more", async () => {
    const results = await start();
    const asker = new AbortController();
    const sql = "SELECT count(*) FROM range(1000000) a, range(1000000) b";
    const asked = results.sql({ sql, parameters: [], limit: 1 }, { signal: asker.signal });
    asker.abort();
    await expect(asked).rejects.toThrow(/nobody waits/);
  });

  it("costs the process again and again, and it is never long away", { timeout: 60_000 }, async () => {
    const pauses: unknown[] = [];
    const error: Logger["error"] = (_, fields) => void pauses.push(fields?.retry_in_ms);
    const results = await start("results.duckdb", { ...silentLogger, error });
    for (let times = 1; times <= 3; times += 1) {
      await vi.waitFor(() => one(results), { timeout: 10_000 });
      await results.sql(request("SELECT unnest(range(1000000000))")).catch(() => {});
      await vi.waitFor(() => expect(pauses).toHaveLength(times), { timeout: 10_000 });
    }
    expect(pauses).toEqual([100, 100, 100]);
  });

  it("does not hold up the rows that are written", async () => {
    const run_id = await history.begin();
    const results = await start();
    await catchUp(results);
    const heavy = results.sql(request("SELECT count(*) FROM range(10000000) a, range(10000000) b"));
    const ended = heavy.then(String, (error: { code: string }) => error.code);
    let isOver = false;
    void ended.then(() => (isOver = true));
    let longestMs = 0;
    let rounds = 0;
    for (; !isOver; rounds++) {
      await appendEndedTasks(run_id, 100);
      const from = performance.now();
      await catchUp(results);
      longestMs = Math.max(longestMs, performance.now() - from);
    }
    expect(rounds).toBeGreaterThan(2);
    expect(longestMs).toBeLessThan(3_000);
    expect(await ended).toBe("sql_timeout");
    expect(await one(results)).toBe("[[1]]");
  });
});

describe("a rebuild", () => {
  const filled = async () => {
    const prng = createPrng(9);
    await history.run(claim(1));
    for (const name of ["w1", "w2"]) await history.run(worker(name, `${name}-a`));
    for (let step = 0; step < 60; step++) await randomStep(history, prng);
    const results = await start();
    await catchUp(results);
    return { results, more: () => randomStep(history, prng) };
  };

  it("makes the same again, answers nothing meanwhile, and takes up what came in between", async () => {
    const { results, more } = await filled();
    const rebuilt = results.rebuild();
    expect(results.rebuild()).toBe(rebuilt);
    await results.query("digests", undefined);
    await more();
    results.poke(history.tip.position);
    await expect(results.query("counts", {})).rejects.toMatchObject({ code: "results_unavailable" });
    const report = await rebuilt;
    expect(report.differing).toEqual([]);
    expect(report.tables["attempts"]?.after).toBeGreaterThan(0);
    await results.reached(history.tip.position);
    await results.close();
    await build("fresh.duckdb");
    expect(await dump(join(dir, "results.duckdb"))).toEqual(await dump(join(dir, "fresh.duckdb")));
    expect(existsSync(join(dir, "results.duckdb.rebuild"))).toBe(false);
  });

  it("heals a file that was damaged while it was in use", async () => {
    // What is not in the file itself but in its WAL cannot be damaged in it.
    await (await filled()).results.close();
    const results = await start();
    const before = await results.query("digests", undefined);
    const file = openSync(join(dir, "results.duckdb"), "r+");
    const { size } = fstatSync(file);
    for (let at = 12_288; at < size; at += 512) writeSync(file, Buffer.from([0xa5, 0x5a]), 0, 2, at);
    closeSync(file);
    process.kill(results.pid() ?? 0, "SIGKILL");
    await vi.waitFor(() => expect(results.status().failed).toMatch(/testyard rebuild/), 10_000);
    await expect(results.query("counts", {})).rejects.toMatchObject({
      code: "results_unavailable",
      message: expect.stringContaining("testyard rebuild"),
    });
    const report = await results.rebuild();
    expect(report.differing).toBeNull();
    results.poke(history.tip.position);
    await results.reached(history.tip.position);
    await vi.waitFor(async () => expect(await results.query("digests", undefined)).toEqual(before), 10_000);
  });

  it("that cannot be done leaves the file as it was", async () => {
    const { results } = await filled();
    const before = await results.query("digests", undefined);
    mkdirSync(join(dir, "results.duckdb.rebuild.wal"));
    await expect(results.rebuild()).rejects.toThrow(/results.duckdb.rebuild.wal/);
    rmSync(join(dir, "results.duckdb.rebuild.wal"), { recursive: true });
    await vi.waitFor(async () => expect(await results.query("digests", undefined)).toEqual(before), 10_000);
  });
});

it("is built anew when the file was deleted", async () => {
  await history.begin();
  await build("results.duckdb");
  const before = await dump(join(dir, "results.duckdb"));
  rmSync(join(dir, "results.duckdb"));
  await build("results.duckdb");
  expect(await dump(join(dir, "results.duckdb"))).toEqual(before);
});

it("waits while its disk is full, and goes on once there is room", { timeout: 60_000 }, async (context) => {
  const run_id = await history.begin();
  const disk = join(dir, "disk");
  mkdirSync(disk);
  if (!ran("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk))
    context.skip("a tmpfs cannot be mounted here");
  try {
    await appendEndedTasks(run_id, 10_000);
    let reason = "";
    const failed = new Promise<void>((resolve) => {
      const error: Logger["error"] = (_, fields) => {
        reason = String(fields?.["reason"]);
        resolve();
      };
      void start("disk/results.duckdb", { ...silentLogger, error }).then((results) => catchUp(results));
    });
    await failed;
    expect(reason).toMatch(/No space left/);
    const [results] = started;
    expect(results?.status()).toMatchObject({ failed: reason });
    await expect(results?.query("counts", {})).rejects.toMatchObject({ code: "results_unavailable" });
    expect(ran("mount", "-o", "remount,size=64m", disk)).toBe(true);
    await results?.reached(history.tip.position);
    expect(await results?.query("counts", {})).toMatchObject({ completed: 10_000, open: 0 });
    await results?.close();
  } finally {
    ran("umount", "-l", disk);
  }
});

function ran(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("at the start", () => {
  it("is refused with one line over a file that is no database", async () => {
    await history.begin();
    writeFileSync(join(dir, "results.duckdb"), "not a database at all");
    const refusal = start();
    await expect(refusal).rejects.toMatchObject({ code: "results_foreign_file" });
    await expect(refusal).rejects.toThrow(/^[^\n]*results\.duckdb is not a results file[^\n]*$/);
  });

  it("is refused when its program cannot run", async () => {
    await history.begin();
    const options = { logDir: join(dir, "log"), dbPath: join(dir, "r.duckdb"), clusterId: CLUSTER };
    const readBlob = async () => null;
    const refusal = startResults({ ...options, readBlob, processPath: join(dir, "nothing.js") });
    await expect(refusal).rejects.toMatchObject({ code: "results_unopenable" });
  });

  it("gets the file although the process of a killed parent still held it", async () => {
    await history.begin();
    const options = { logDir: join(dir, "log"), dbPath: join(dir, "results.duckdb"), clusterId: CLUSTER };
    const program = `
      const { startResults } = await import(${JSON.stringify(pathToFileURL(built("index.js")).href)});
      await startResults({ ...${JSON.stringify(options)}, readBlob: async () => null });
      console.log("open");`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(parent.stdout, "data");
    parent.kill("SIGKILL");
    await once(parent, "exit");
    await catchUp(await start());
  });
});

it("keeps up with thousands of rows a second", { timeout: 60_000 }, async () => {
  const run_id = await history.begin();
  const tasks = 10_000;
  await appendEndedTasks(run_id, tasks);
  const results = await start();
  const from = performance.now();
  await catchUp(results);
  const seconds = (performance.now() - from) / 1000;
  await results.close();
  const rows = "SELECT (SELECT count(*) FROM attempts) + (SELECT count(*) FROM tasks) AS n";
  expect(await selectFrom(join(dir, "results.duckdb"), rows)).toEqual([{ n: String(2 * tasks) }]);
  // Three rows a task. Tens of thousands a second on an idle machine; this one may be anything but idle.
  expect((3 * tasks) / seconds).toBeGreaterThan(3_000);
});

/** Folds nothing, and writes many events into a record, as a busy coordinator does. */
async function appendEndedTasks(run_id: string, count: number): Promise<void> {
  for (let done = 0; done < count; done += 100) {
    const tasks = Array.from({ length: 100 }, () => spec(history.id(), run_id)).sort((a, b) =>
      a.task_id < b.task_id ? -1 : 1,
    );
    const submission = { submission_id: `s-${done}`, v: 1 } as const;
    const first_task_id = tasks[0]?.task_id ?? "";
    const opened = { run_id, project: "shop", first_task_id, count: 100, idempotency: null };
    const ends = tasks.map(({ task_id }): Event => {
      const lease = {
        attempt: 1,
        worker_id: "w1",
        incarnation: "w1-a",
        slot: 0,
        gpus: [],
        assigned_at: history.now,
      };
      const next = { state: "completed" as const, reason: null };
      return { type: "AttemptFinished", v: 1, task_id, run_id, lease, result: result(), next };
    });
    await history.append([
      { type: "SubmissionOpened", ...submission, ...opened },
      { type: "TasksAdded", ...submission, tasks, resolved: {} },
      { type: "SubmissionSealed", ...submission },
      ...ends,
    ]);
  }
}
