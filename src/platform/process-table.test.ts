import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { processStartTime, psStartTime } from "./process-identity.ts";
import { askPs, hasProc, listProcesses, parsePsLine, parseStat } from "./process-table.ts";
import { membersIn } from "./process-tree.ts";
import type { Tree } from "./process-tree.ts";
import { run } from "./processes.testing.ts";

test("a name with spaces and brackets does not shift the fields of a stat line", () => {
  const line =
    "4242 (a) b (c)) S 7 4242 4241 0 -1 4194304 101 0 0 0 11 12 13 14 20 0 1 0 149757 3133440 383 1844";
  expect(parseStat(line)).toMatchObject({
    pid: 4242,
    ppid: 7,
    pgrp: 4242,
    session: 4241,
    startTicks: 149_757,
    cpuTicks: 50,
  });
  expect(parseStat("")).toBeNull();
});

test("a line of ps gives the same facts, days of processor time included", () => {
  expect(parsePsLine("  501   1  500 Ss   10240   1-02:00:03")[0]).toMatchObject({
    pid: 501,
    ppid: 1,
    pgrp: 500,
    isDead: false,
    rssBytes: 10_485_760,
    cpuTicks: 9_360_300,
  });
  expect(parsePsLine("7 1 7 Z 0 0:00.25")[0]).toMatchObject({ isDead: true, cpuTicks: 25 });
  expect(parsePsLine("")).toEqual([]);
});

describe.skipIf(!hasProc)("the process table", () => {
  test("holds this process with its real memory", async () => {
    const mine = (await listProcesses()).find((entry) => entry.pid === process.pid);
    expect(mine?.ppid).toBe(process.ppid);
    const rss = process.memoryUsage.rss();
    expect((mine?.rssBytes ?? 0) / rss).toBeGreaterThan(0.5);
    expect((mine?.rssBytes ?? 0) / rss).toBeLessThan(2);
  });

  test("is the same when ps is asked", async () => {
    const mine = (await askPs()).find((entry) => entry.pid === process.pid);
    expect(mine).toMatchObject({ ppid: process.ppid, isDead: false });
  });
});

describe("members of a tree", () => {
  const tree: Tree = { rootPid: 100, rootStart: 1000, key: "mine", since: 0 };
  const entry = (pid: number, more: Partial<Parameters<typeof membersIn>[0][number]>) => ({
    pid,
    ppid: 1,
    pgrp: pid,
    session: pid,
    isDead: false,
    startTicks: 1001,
    cpuTicks: 0,
    rssBytes: 0,
    ...more,
  });
  const pids = (table: ReturnType<typeof entry>[], keys: Record<number, string> = {}) =>
    membersIn(table, tree, { keyOf: (pid) => keys[pid] ?? null }).map(({ pid }) => pid);

  test("are found by group, session, parents and key, in whatever order they are listed", () => {
    const table = [
      entry(300, { ppid: 200 }),
      entry(200, { ppid: 100 }),
      entry(100, { startTicks: 1000, pgrp: 100, session: 100 }),
      entry(400, { pgrp: 100 }),
      entry(500, { session: 100 }),
      entry(600, {}),
      entry(601, { ppid: 600 }),
      entry(700, {}),
    ];
    expect(pids(table, { 600: "outer mine", 700: "mine2" }).sort((a, b) => a - b)).toEqual([
      100, 200, 300, 400, 500, 600, 601,
    ]);
  });

  test("are never older than the root, whatever their key says", () => {
    expect(pids([entry(50, { startTicks: 999, pgrp: 100 })], { 50: "mine" })).toEqual([]);
  });

  test("are not those of a stranger that got the root's pid later", () => {
    const stranger = entry(100, { startTicks: 5000, pgrp: 100, session: 100 });
    expect(pids([stranger, entry(101, { ppid: 100, pgrp: 100, startTicks: 5001 })])).toEqual([]);
  });
});

describe("the start time of a process", () => {
  test("stays the same while it lives, differs between processes, and is null afterwards", async () => {
    const mine = processStartTime(process.pid);
    expect(mine).toMatch(/\S/);
    expect(processStartTime(process.pid)).toBe(mine);
    const child = await run(["sleep", "600"]);
    expect(processStartTime(child.pid)).not.toBe(mine);
    child.kill(0);
    await child.ended;
    expect(processStartTime(child.pid)).toBeNull();
    expect(processStartTime(0)).toBeNull();
    expect(processStartTime(-1)).toBeNull();
  });

  test("asked of ps is the one that ps prints", () => {
    const printed = execFileSync("ps", ["-o", "lstart=", "-p", String(process.pid)], {
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      encoding: "utf8",
    });
    expect(psStartTime(process.pid)).toBe(printed.trim().replace(/\s+/g, " "));
    expect(psStartTime(2 ** 22 + 1)).toBeNull();
  });
});
