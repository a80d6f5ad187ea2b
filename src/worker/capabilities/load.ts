/**
 * How busy the machine is, for heartbeats: cheap enough to ask every few seconds, and of what this process
 * may use. Under a processor limit that is the control group's use against its limit, otherwise the
 * machine's.
 */
import { cpus, freemem } from "node:os";
import { cgroupLimits, cgroupPaths } from "./cgroup.ts";
import type { ReadText } from "./cgroup.ts";
import { readText } from "./detect.ts";

export interface LoadSample {
  /** Since the last call, 0 to 1 of what there is. */
  cpu_share: number;
  memory_free_mb: number;
}

/** Milliseconds of processor time, used and possible, since some moment. */
interface CpuTimes {
  used: number;
  possible: number;
}

const MEGABYTE = 1024 * 1024;
const TICK_MS = 10;

export interface LoadOptions {
  read?: ReadText;
  /** Milliseconds, monotonic. */
  monotonic?: () => number;
}

export function createLoadSampler(options: LoadOptions = {}): () => LoadSample {
  const { read = readText, monotonic = () => performance.now() } = options;
  const times = cpuTimesReader(read, monotonic);
  let before = times();
  let share = 0;
  return () => {
    const now = times();
    const possible = now.possible - before.possible;
    // Two calls within one tick of the system's count have nothing new to tell.
    if (possible > 0) {
      share = Math.min(1, Math.max(0, (now.used - before.used) / possible));
      before = now;
    }
    return { cpu_share: share, memory_free_mb: Math.max(0, Math.floor(freeBytes(read) / MEGABYTE)) };
  };
}

function cpuTimesReader(read: ReadText, monotonic: () => number): () => CpuTimes {
  const limit = cgroupLimits(read).cpus;
  const machine = machineTimes(read);
  const group = limit === null ? null : groupUsedMs(read);
  if (limit === null || group === null || limit >= machine.cores) return () => machineTimes(read);
  return () => ({ used: groupUsedMs(read) ?? 0, possible: monotonic() * limit });
}

/** `cpu  user nice system idle iowait irq softirq steal …` in ticks; guest time is in user time already. */
function machineTimes(read: ReadText): CpuTimes & { cores: number } {
  const stat = read("/proc/stat");
  if (stat === null) return nodeTimes();
  const ticks = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? "").split(/\s+/).slice(0, 8).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return {
    used: (total - idle) * TICK_MS,
    possible: total * TICK_MS,
    cores: stat.match(/^cpu\d+ /gm)?.length ?? 1,
  };
}

function nodeTimes(): CpuTimes & { cores: number } {
  const all = cpus().map(({ times }) => times);
  const possible = all.reduce(
    (sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq,
    0,
  );
  return { used: possible - all.reduce((sum, { idle }) => sum + idle, 0), possible, cores: all.length };
}

function groupUsedMs(read: ReadText): number | null {
  const { v2, cpuacct } = cgroupPaths(read);
  const micros = /^usage_usec (\d+)/m.exec(read(`${v2[0]}/cpu.stat`) ?? "")?.[1];
  if (micros !== undefined) return Number(micros) / 1000;
  const nanos = read(`${cpuacct[0]}/cpuacct.usage`);
  return nanos === null ? null : Number(nanos) / 1e6;
}

function freeBytes(read: ReadText): number {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(read("/proc/meminfo") ?? "")?.[1];
  const ofMachine = available === undefined ? freemem() : Number(available) * 1024;
  const ofGroup = groupFreeBytes(read);
  return ofGroup === null ? ofMachine : Math.min(ofMachine, ofGroup);
}

/** File pages that nobody has used lately are given back when memory is wanted, so they count as free. */
function groupFreeBytes(read: ReadText): number | null {
  const limit = cgroupLimits(read).memoryBytes;
  if (limit === null) return null;
  const { v2, memory } = cgroupPaths(read);
  const used = read(`${v2[0]}/memory.current`) ?? read(`${memory[0]}/memory.usage_in_bytes`);
  if (used === null) return null;
  const stat = read(`${v2[0]}/memory.stat`) ?? read(`${memory[0]}/memory.stat`) ?? "";
  const cached = Number(/^(?:total_)?inactive_file (\d+)/m.exec(stat)?.[1] ?? 0);
  return limit - (Number(used) - cached);
}
