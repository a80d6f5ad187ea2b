/** LMDB under real processes: killed, racing, and out of room. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeRecord } from "./record.ts";
import { collect } from "./records.testing.ts";
import { openLmdbLog } from "./lmdb.ts";
import { GENESIS } from "./fold.ts";
import { bundle, start, startWith, type Program } from "./processes.testing.ts";

let scratch: string;
let program: string;
const started: Program[] = [];

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "testyard-log-processes-"));
  program = await bundle("writer-process.testing.ts", scratch);
});
afterAll(async () => {
  for (const { child } of started) child.kill("SIGKILL");
  await Promise.all(started.map(({ ended }) => ended));
  rmSync(scratch, { recursive: true });
});

const run = (...args: string[]): Program => {
  const running = start(program, args);
  started.push(running);
  return running;
};

/** What a writer was told, position to hash. */
function acknowledged(writers: readonly Program[]): Map<number, string> {
  const won = new Map<number, string>();
  for (const { lines } of writers) {
    for (const line of lines) {
      const [kind, position, hash = ""] = line.split(" ");
      if (kind !== "won") continue;
      expect(won.has(Number(position)), `position ${position} was won twice`).toBe(false);
      won.set(Number(position), hash);
    }
  }
  return won;
}

/** All hashes by position; throws on a torn record or a broken chain. */
async function checkedLog(dir: string): Promise<Map<number, string>> {
  const log = await openLmdbLog({ dir });
  const found = new Map<number, string>();
  let last = GENESIS.hash;
  for (const stored of await collect(log.read(1))) {
    expect(decodeRecord(stored).prev_hash).toBe(last);
    last = stored.hash;
    found.set(stored.position, stored.hash);
  }
  expect(await log.tip()).toMatchObject({ position: found.size, hash: last });
  await log.close();
  return found;
}

describe("lmdb log between processes", () => {
  it("holds every acknowledged record after its saturating writer was killed, five times", async () => {
    const dir = join(scratch, "killed");
    await (await openLmdbLog({ dir })).close();
    const follower = run("follow", dir);
    await follower.line((line) => line === "following");
    const writers: Program[] = [];
    for (let round = 0; round < 5; round++) {
      const writer = run("saturate", dir);
      writers.push(writer);
      let answers = 0;
      await writer.line(() => ++answers > 200 + round * 37);
      writer.child.kill("SIGKILL");
      expect(await writer.ended).toMatchObject({ signal: "SIGKILL", errors: "" });
    }
    const won = acknowledged(writers);
    const held = await checkedLog(dir);
    const lost = [...won].filter(([position, hash]) => held.get(position) !== hash);
    console.log(`kills 5, acknowledged ${won.size}, lost ${lost.length}, held ${held.size}`);
    expect(lost).toEqual([]);
    expect(won.size).toBeGreaterThan(1_000);
    await follower.line((line) => line.startsWith(`${held.size} `));
    const followed = follower.lines.filter((line) => line !== "following");
    expect(followed).toEqual([...held].map(([position, hash]) => `${position} ${hash}`));
  }, 60_000);

  it("gives every position to one of six processes that race", async () => {
    const dir = join(scratch, "race");
    await (await openLmdbLog({ dir })).close();
    const writers = Array.from({ length: 6 }, () => run("race", dir, "80"));
    for (const writer of writers) expect(await writer.ended).toMatchObject({ code: 0, errors: "" });
    const won = acknowledged(writers);
    const held = await checkedLog(dir);
    const lost = writers.flatMap(({ lines }) => lines).filter((line) => line.startsWith("lost "));
    console.log(`writers 6, won ${won.size}, lost ${lost.length}`);
    expect([...held].sort(([a], [b]) => a - b)).toEqual([...won].sort(([a], [b]) => a - b));
    expect(lost.length + won.size).toBe(480);
    expect(lost.length).toBeGreaterThan(0);
  }, 60_000);
});

describe("lmdb log on a broken disk", () => {
  it("fails the handle for good, and opened anew holds what it acknowledged", async () => {
    const dir = join(scratch, "broken");
    // No file of that process may pass a few MiB: the write fails with an error that is no lack of room.
    const limited = startWith("sh", ["-c", 'ulimit -f 4096; exec "$0" "$@"', process.execPath, program], {
      args: ["break", dir],
    });
    started.push(limited);
    const refusal = await limited.line((line) => line.startsWith("refused"));
    expect(refusal).toBe('refused log_failed ["log_failed","log_failed","log_failed"]');
    expect(await limited.ended).toMatchObject({ code: 0 });
    expect(limited.lines.filter((line) => line.startsWith("unhandled"))).toEqual([]);
    const held = await checkedLog(dir);
    expect(held).toEqual(acknowledged([limited]));
    expect(held.size).toBeGreaterThan(10);
  }, 60_000);
});

describe("a data directory", () => {
  it("goes to one of six processes that start at once, and again after a kill", async (context) => {
    if (process.platform !== "linux") return context.skip("the start time of a process is read from /proc");
    const dir = join(scratch, "owned");
    for (let round = 0; round < 2; round++) {
      const processes = Array.from({ length: 6 }, () => run("claim", dir));
      const answers = await Promise.all(processes.map(({ line }) => line(() => true)));
      const owners = processes.filter((_, i) => answers[i] === "mine");
      expect(owners).toHaveLength(1);
      const others = answers.filter((answer) => answer !== "mine");
      expect(others).toEqual(others.map(() => `log_in_use ${owners[0]?.child.pid}`));
      for (const { child } of processes) child.kill("SIGKILL");
      await Promise.all(processes.map(({ ended }) => ended));
    }
  }, 60_000);
});

const mountSmall = (dir: string): boolean => {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", dir], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describe("lmdb log on a full disk", () => {
  it("refuses, keeps what it acknowledged, and goes on when there is room", async (context) => {
    const disk = join(scratch, "small");
    if (!mountSmall(disk)) return context.skip("mounting a small tmpfs needs root");
    try {
      const dir = join(disk, "log");
      const writer = run("fill", dir);
      const refusal = await writer.line((line) => line.startsWith("refused"));
      const won = acknowledged([writer]);
      expect(refusal).toBe(`refused disk_full at ${won.size}`);
      expect(won.size).toBeGreaterThan(100);
      const reader = await openLmdbLog({ dir, readOnly: true });
      expect(new Map((await collect(reader.read(1))).map((r) => [r.position, r.hash]))).toEqual(won);
      await reader.close();
      execFileSync("mount", ["-o", "remount,size=24m", disk]);
      writer.child.kill("SIGUSR2");
      expect(await writer.ended).toMatchObject({ code: 0 });
      expect(writer.lines.filter((line) => line.startsWith("unhandled"))).toEqual([]);
      const held = await checkedLog(dir);
      expect(held).toEqual(acknowledged([writer]));
      expect(held.size).toBe(won.size + 1);
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  }, 60_000);
});
