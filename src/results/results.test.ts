import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPrng, hasEnded } from "../core/index.ts";
import { createMemoryLog, type EventLog } from "../log/index.ts";
import { dump, selectFrom } from "./dump.testing.ts";
import { ResultsRefused, ResultsUnavailable } from "./errors.ts";
import {
  attempt,
  claim,
  CLUSTER,
  createHistory,
  type History,
  randomStep,
  result,
  spec,
  submit,
  worker,
} from "./history.testing.ts";
import { createReader } from "./reader.ts";
import { openLocalResults, type Results } from "./results.ts";

let dir: string;
let log: EventLog;
let history: History;
const opened: Results[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "testyard-results-"));
  log = createMemoryLog();
  history = createHistory(log, { seed: 7 });
});

afterEach(async () => {
  for (const results of opened.splice(0)) await results.close();
  rmSync(dir, { recursive: true, force: true });
});

async function open(
  name = "results.duckdb",
  options: { log?: EventLog; clusterId?: string } = {},
): Promise<Results> {
  const results = await openLocalResults({
    log,
    dbPath: join(dir, name),
    clusterId: CLUSTER,
    readBlob: async (hash) => history.blobs.get(hash) ?? null,
    ...options,
  });
  opened.push(results);
  return results;
}

async function catchUp(results: Results): Promise<void> {
  results.poke(history.tip.position);
  await results.reached(history.tip.position);
}

async function build(name: string): Promise<void> {
  const results = await open(name);
  await catchUp(results);
  await results.close();
}

describe("watermark", () => {
  it("never goes beyond the position it was told is committed", async () => {
    await history.begin();
    const results = await open();
    results.poke(2);
    await results.reached(2);
    await results.close();
    expect(results.status()).toEqual({ watermark: 2, failed: null });
    expect(await selectFrom(join(dir, "results.duckdb"), "SELECT count(*) AS n FROM workers")).toEqual([
      { n: "0" },
    ]);
  });

  it.each([11, 12, 13])("builds the same rows however often it was interrupted (seed %i)", async (seed) => {
    const prng = createPrng(seed);
    await history.run(claim(1));
    for (const name of ["w1", "w2", "w3"]) await history.run(worker(name, `${name}-a`));
    let stops = 0;
    for (let step = 0; step < 300; step++) {
      await randomStep(history, prng);
      if (!prng.chance(0.04)) continue;
      // Anywhere, also between the records of one submission.
      const results = await open("live.duckdb");
      const target =
        results.status().watermark + prng.below(history.tip.position - results.status().watermark + 1);
      results.poke(target);
      await results.reached(target);
      await results.close();
      stops += 1;
    }
    await build("live.duckdb");
    await build("fresh.duckdb");
    const live = await dump(join(dir, "live.duckdb"));
    expect(stops).toBeGreaterThan(5);
    expect(live["attempts"]?.length).toBeGreaterThan(20);
    expect(live["cases"]?.length).toBeGreaterThan(10);
    expect(live["refused_results"]?.length).toBeGreaterThan(0);
    expect(live).toEqual(await dump(join(dir, "fresh.duckdb")));
  });

  it("takes up a submission again that was half written when it stopped", async () => {
    const run_id = await history.begin();
    const before = history.tip.position;
    const ids = Array.from({ length: 3 }, () => history.id()).sort();
    const tasks = ids.map((id) => spec(id, run_id));
    await history.run(submit(run_id, tasks), { perRecord: 1 });
    for (let position = before + 1; position <= history.tip.position; position++) {
      const results = await open();
      results.poke(position);
      await results.reached(position);
      await results.close();
    }
    const rows = await selectFrom(join(dir, "results.duckdb"), "SELECT task_id FROM tasks ORDER BY task_id");
    expect(rows.map((row) => row["task_id"])).toEqual(ids);
  });

  it("shows the same tasks in the same states as the folded log", async () => {
    const prng = createPrng(99);
    await history.run(claim(1));
    const seen = new Map<string, string>();
    for (let step = 0; step < 250; step++) {
      await randomStep(history, prng);
      for (const { spec: each, status } of history.state.tasks.values()) {
        seen.set(each.task_id, hasEnded(status) ? status.state : "open");
      }
    }
    await build("results.duckdb");
    const rows = await selectFrom(join(dir, "results.duckdb"), "SELECT task_id, state FROM tasks");
    expect(rows.length).toBeGreaterThan(50);
    expect(new Map(rows.map((row) => [row["task_id"], row["state"]]))).toEqual(seen);
  });

  it("interrupts a query that takes too long, and answers the next one", async () => {
    await history.begin();
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    const reader = createReader(connection, { timeoutMs: 50 });
    const endless = reader.rows(
      "SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range + b.range) % 7 = 3",
    );
    const next = reader.rows("SELECT 1 AS one");
    await expect(endless).rejects.toThrow(ResultsUnavailable);
    expect(await next).toEqual([{ one: 1 }]);
    connection.closeSync();
    instance.closeSync();
  });

  it("tells those who wait, and stops waiting at the end", async () => {
    await history.begin();
    const results = await open();
    const told: number[] = [];
    results.onWatermark((position) => told.push(position));
    await catchUp(results);
    expect(told.at(-1)).toBe(history.tip.position);
    const never = results.reached(1_000);
    await Promise.all([expect(never).rejects.toThrow(ResultsUnavailable), results.close()]);
    await expect(results.query("counts", {})).rejects.toThrow(ResultsUnavailable);
  });

  it("says why it has stopped when a record is not the one that should follow", async () => {
    await history.begin();
    const broken: EventLog = {
      ...log,
      tip: () => log.tip(),
      first: () => log.first(),
      async *read(from) {
        for await (const stored of log.read(from)) {
          yield stored.position === 3 ? { ...stored, bytes: Buffer.from("{}") } : stored;
        }
      },
    };
    const failed = new Promise((resolve) => {
      void openLocalResults({
        log: broken,
        dbPath: join(dir, "results.duckdb"),
        clusterId: CLUSTER,
        readBlob: async () => null,
        onFailure: resolve,
      }).then((results) => {
        opened.push(results);
        results.poke(3);
      });
    });
    expect(String(await failed)).toMatch(/record 3 is damaged/);
    expect(opened[0]?.status().failed).toMatch(/record 3 is damaged/);
    // What the broken transaction had already taken up is not in the file.
    await opened[0]?.close();
    const rows = await dump(join(dir, "results.duckdb"));
    expect(rows["leaders"]).toEqual([]);
    expect(rows["meta"]).toContainEqual({ key: "watermark_position", value: "0" });
  });
});

describe("a file that does not belong here", () => {
  async function refusal(name?: string, options?: Parameters<typeof open>[1]): Promise<ResultsRefused> {
    const error: unknown = await open(name, options).then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(ResultsRefused);
    expect((error as Error).message).not.toContain("\n");
    return error as ResultsRefused;
  }

  it("is refused when it is the projection of another cluster", async () => {
    await history.begin();
    await build("results.duckdb");
    expect((await refusal(undefined, { clusterId: "yard-2" })).code).toBe("results_foreign");
  });

  it("is refused when it was built from another history of the same cluster", async () => {
    await history.begin();
    await build("results.duckdb");
    const other = createHistory(createMemoryLog(), { seed: 8 });
    await other.begin();
    expect((await refusal(undefined, { log: other.log })).code).toBe("results_foreign");
    await other.run(claim(2));
    expect((await refusal(undefined, { log: other.log })).code).toBe("results_foreign");
  });

  it("is refused when it has seen more than the log holds", async () => {
    await history.begin();
    await build("results.duckdb");
    const older = createHistory(createMemoryLog(), { seed: 7 });
    await older.run(claim(1));
    expect((await refusal(undefined, { log: older.log })).code).toBe("results_ahead");
  });

  it("is refused when the log has forgotten what it still needs", async () => {
    await history.begin();
    const results = await open();
    results.poke(1);
    await results.reached(1);
    await results.close();
    await log.truncateBefore(3);
    expect((await refusal()).code).toBe("results_gap");
  });

  it("is accepted when the log has forgotten what it has seen", async () => {
    await history.begin();
    await build("results.duckdb");
    await log.truncateBefore(3);
    await expect(open()).resolves.toBeDefined();
    await history.run(worker("w2", "w2-a"));
    await catchUp(opened.at(-1) as Results);
  });

  it.each([
    ["text", "hello"],
    ["nothing", ""],
    ["zeros", "\0".repeat(20_000)],
  ])("is refused when it holds %s, and left as it was", async (_, content) => {
    writeFileSync(join(dir, "results.duckdb"), content);
    const { code, message } = await refusal();
    expect(code).toBe("results_foreign_file");
    expect(message).toContain(join(dir, "results.duckdb"));
  });

  it("is refused when a block of it is damaged", async () => {
    await history.begin();
    await build("results.duckdb");
    const bytes = readFileSync(join(dir, "results.duckdb"));
    // The two headers that name the current state of the file stand at 4 and 8 KiB.
    for (let at = 4_200; at < 4_264; at++) bytes[at] = ~(bytes[at] ?? 0) & 0xff;
    for (let at = 8_300; at < 8_364; at++) bytes[at] = ~(bytes[at] ?? 0) & 0xff;
    writeFileSync(join(dir, "results.duckdb"), bytes);
    expect((await refusal()).code).toBe("results_corrupt");
  });

  it("is refused when it is a database with other tables", async () => {
    const instance = await DuckDBInstance.create(join(dir, "results.duckdb"));
    const connection = await instance.connect();
    await connection.run("CREATE TABLE meta (key VARCHAR, value VARCHAR)");
    connection.closeSync();
    instance.closeSync();
    expect((await refusal()).code).toBe("results_foreign_file");
  });

  it("is refused when it has another format", async () => {
    await build("results.duckdb");
    const instance = await DuckDBInstance.create(join(dir, "results.duckdb"));
    const connection = await instance.connect();
    await connection.run("UPDATE meta SET value = '999' WHERE key = 'format'");
    connection.closeSync();
    instance.closeSync();
    expect((await refusal()).code).toBe("results_format");
  });

  it("is refused when its folder does not exist", async () => {
    expect((await refusal("no/such/folder.duckdb")).code).toBe("results_unopenable");
  });

  it("is refused while another process has it open, and names that process", async () => {
    await history.begin();
    await build("results.duckdb");
    const program = `const { DuckDBInstance } = require("@duckdb/node-api");
      DuckDBInstance.create(process.argv[1]).then((db) => {
        console.log("open");
        setInterval(() => db, 1000);
      });`;
    const holder = spawn(process.execPath, ["-e", program, join(dir, "results.duckdb")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(holder.stdout, "data");
      const { code, message } = await refusal();
      expect(code).toBe("results_locked");
      expect(message).toContain(`process ${holder.pid}`);
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    await expect(open()).resolves.toBeDefined();
  });
});

it("removes what the queries of a killed process had spilled", async () => {
  await build("results.duckdb");
  const spilled = join(dir, "results.duckdb.tmp");
  mkdirSync(spilled);
  writeFileSync(join(spilled, "duckdb_temp_storage_DEFAULT-0.tmp"), "spilled");
  await build("results.duckdb");
  expect(existsSync(spilled) ? readdirSync(spilled) : []).toEqual([]);
});

it("leaves no write-ahead log behind when it is closed", async () => {
  const run_id = await history.begin();
  const id = history.id();
  await history.run(submit(run_id, [spec(id, run_id)]));
  await attempt(history, id, result());
  await build("results.duckdb");
  const instance = await DuckDBInstance.create(join(dir, "results.duckdb"), { access_mode: "READ_ONLY" });
  instance.closeSync();
  expect(() => writeFileSync(join(dir, "results.duckdb.wal"), "", { flag: "wx" })).not.toThrow();
});
