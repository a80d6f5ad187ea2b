/**
 * CPU time of a process and of its children, as the kernel counts it. Linux counts in ticks of 10 ms, which
 * over the seconds of a measurement is below a percent. Elsewhere there is no answer.
 */
import { readdirSync, readFileSync } from "node:fs";

const TICK_US = 10_000;

interface Stat {
  ppid: number;
  cpuUs: number;
}

/** @returns microseconds; null where they cannot be had */
export function cpuUsOf(pid: number): number | null {
  return readStat(pid)?.cpuUs ?? null;
}

export function childrenOf(pid: number): number[] {
  if (process.platform !== "linux") return [];
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((candidate) => readStat(candidate)?.ppid === pid);
}

function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name may hold spaces and brackets; after its last bracket come state, parent and so on.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { ppid: Number(fields[1]), cpuUs: (Number(fields[11]) + Number(fields[12])) * TICK_US };
  } catch {
    return null;
  }
}
