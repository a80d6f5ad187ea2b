/**
 * The machine's processes, as far as ending a tree of them needs.
 *
 * On Linux /proc is read: one small file a process, 15 µs each. Elsewhere `ps` is asked, which says neither
 * the session nor the environment; there a daemon that has left its group and its parents stays unfound.
 */
import { execFile } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

export interface TableEntry {
  pid: number;
  ppid: number;
  pgrp: number;
  session: number;
  /** A zombie: it holds a pid and nothing else, and cannot be ended further. */
  isDead: boolean;
  /** Since boot. */
  startTicks: number;
  /** Own processor time and that of children it has waited for. */
  cpuTicks: number;
  rssBytes: number;
}

/** What /proc counts time in: USER_HZ, 100 on every architecture that Node runs on. */
export const TICK_MS = 10;
const READS_PER_TURN = 256;
const PS_TIMEOUT_MS = 10_000;

export const hasProc = process.platform === "linux";

/** @param from only pids given out from this one on, for a caller that knows that nothing else can matter */
export function listProcesses(from = 0): Promise<TableEntry[]> {
  return hasProc ? readProc(from) : askPs();
}

async function readProc(from: number): Promise<TableEntry[]> {
  const entries: TableEntry[] = [];
  const names = readdirSync("/proc");
  // Read after the names, so that all of those are older than it.
  const last = from === 0 ? null : lastPid();
  const isOfInterest =
    last === null || last < from ? () => true : (pid: number) => pid >= from && pid <= last;
  let reads = 0;
  for (const name of names) {
    const pid = Number(name);
    if (!(pid > 0) || !isOfInterest(pid)) continue;
    const entry = readProcess(pid);
    if (entry !== null) entries.push(entry);
    reads += 1;
    if (reads % READS_PER_TURN === 0) await turn();
  }
  return entries;
}

/** Linux only. null: no such process. */
export function readProcess(pid: number | "self"): TableEntry | null {
  try {
    return parseStat(readSmallFile(`/proc/${pid}/stat`));
  } catch {
    return null;
  }
}

const small = Buffer.alloc(4096);

/** Three calls instead of five, and no buffer each: a table is hundreds of these. */
function readSmallFile(path: string): string {
  const file = openSync(path, "r");
  try {
    return small.toString("latin1", 0, readSync(file, small, 0, small.length, 0));
  } finally {
    closeSync(file);
  }
}

/** A line of /proc/PID/stat. The name in it may hold spaces and brackets; the last bracket ends it. */
export function parseStat(line: string): TableEntry | null {
  const close = line.lastIndexOf(")");
  const fields = line.slice(close + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  const pid = Number.parseInt(line, 10);
  if (close < 0 || !Number.isSafeInteger(pid) || fields.length < 22) return null;
  return {
    pid,
    ppid: field(4),
    pgrp: field(5),
    session: field(6),
    isDead: "ZXx".includes(fields[0] ?? "X"),
    startTicks: field(22),
    cpuTicks: field(14) + field(15) + field(16) + field(17),
    rssBytes: field(24) * pageBytes(),
  };
}

let page: number | undefined;

/** Node does not tell the page size, but it tells its own memory in bytes and /proc tells it in pages. */
function pageBytes(): number {
  if (page !== undefined) return page;
  page = 4096; // Holds while the line below parses our own entry.
  const pages = (readProcess("self")?.rssBytes ?? 0) / page;
  const guess = pages > 0 ? process.memoryUsage.rss() / pages : page;
  page = [4096, 16_384, 65_536].reduce((a, b) => (Math.abs(guess - a) <= Math.abs(guess - b) ? a : b));
  return page;
}

/**
 * Processor time of all children that this process has waited for, and of those that they have waited for.
 */
export function waitedChildrenTicks(): number {
  try {
    const line = readSmallFile("/proc/self/stat");
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return Number(fields[16 - 3]) + Number(fields[17 - 3]);
  } catch {
    return 0;
  }
}

/** The pid given out last in our pid namespace; null where that cannot be read. */
function lastPid(): number | null {
  try {
    const pid = Number(readSmallFile("/proc/loadavg").trim().split(" ").at(-1));
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/**
 * The value of a variable in the environment that a process was started with; null when unreadable or unset.
 */
export function environmentOf(pid: number, variable: string): string | null {
  try {
    const start = `${variable}=`;
    const found = readFileSync(`/proc/${pid}/environ`, "latin1")
      .split("\0")
      .find((it) => it.startsWith(start));
    return found?.slice(start.length) ?? null;
  } catch {
    return null;
  }
}

export function askPs(): Promise<TableEntry[]> {
  const args = ["-A", "-o", "pid=,ppid=,pgid=,stat=,rss=,time="];
  return new Promise((resolve) => {
    const options = {
      timeout: PS_TIMEOUT_MS,
      env: { ...process.env, LC_ALL: "C" },
      maxBuffer: 64 * 1024 * 1024,
    };
    execFile("ps", args, options, (_error, stdout) => resolve(stdout.split("\n").flatMap(parsePsLine)));
  });
}

/** `  501   1  501 Ss   10240   0:01.23`; the time may have days and hours before it. */
export function parsePsLine(line: string): TableEntry[] {
  const [pid, ppid, pgrp, stat, rss, time] = line.trim().split(/\s+/);
  if (time === undefined || !Number.isSafeInteger(Number(pid))) return [];
  const seconds = time.split(/[-:]/).reduceRight((sum, part, index, all) => {
    const unit = [1, 60, 3600, 86_400][all.length - 1 - index] ?? 0;
    return sum + Number(part) * unit;
  }, 0);
  return [
    {
      pid: Number(pid),
      ppid: Number(ppid),
      pgrp: Number(pgrp),
      session: -1,
      isDead: stat?.startsWith("Z") ?? false,
      startTicks: -1,
      cpuTicks: Math.round((seconds * 1000) / TICK_MS),
      rssBytes: Number(rss) * 1024,
    },
  ];
}
