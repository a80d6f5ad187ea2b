/**
 * Processor, memory and system of the machine, as far as this process may use them. Linux files are parsed
 * here.
 */
import type { Capabilities } from "../../core/index.ts";
import type { RunProcess } from "../../adapters/index.ts";
import { cgroupLimits } from "./cgroup.ts";
import type { ReadText } from "./cgroup.ts";

/** What Node says of the machine. */
export interface NodeFacts {
  platform: NodeJS.Platform;
  arch: string;
  hostname: string;
  release: string;
  cpuModels: readonly string[];
  /** Processors that the scheduler may put this process on. */
  parallelism: number;
  totalBytes: number;
}

export type HostCapabilities = Pick<
  Capabilities,
  "hostname" | "os" | "os_version" | "arch" | "cpu" | "memory_mb"
>;

const MEGABYTE = 1024 * 1024;
const OS_NAMES: Readonly<Record<string, string>> = { darwin: "macos", win32: "windows" };
const ASK_MS = 5000;

export async function hostCapabilities(
  facts: NodeFacts,
  ask: { run: RunProcess; read: ReadText },
): Promise<HostCapabilities> {
  const limits = cgroupLimits(ask.read);
  const logical = Math.max(1, Math.min(facts.parallelism, Math.floor(limits.cpus ?? facts.parallelism)));
  const physical = (await physicalCores(facts, ask)) ?? logical;
  const memoryBytes = Math.min(facts.totalBytes, limits.memoryBytes ?? facts.totalBytes);
  return {
    hostname: facts.hostname.slice(0, 256),
    os: OS_NAMES[facts.platform] ?? facts.platform,
    os_version: (await osVersion(facts, ask)).slice(0, 256),
    arch: facts.arch,
    cpu: {
      model: (cpuModel(facts, ask.read) ?? `${facts.arch} processor`).slice(0, 256),
      physical_cores: Math.max(1, Math.min(physical, logical)),
      logical_cores: logical,
    },
    memory_mb: Math.max(1, Math.floor(memoryBytes / MEGABYTE)),
  };
}

async function physicalCores(
  facts: NodeFacts,
  ask: { run: RunProcess; read: ReadText },
): Promise<number | null> {
  if (facts.platform === "linux") return parsePhysicalCores(ask.read("/proc/cpuinfo") ?? "");
  if (facts.platform !== "darwin") return null;
  const count = Number(await answerOf(ask.run, ["sysctl", "-n", "hw.physicalcpu"]));
  return count > 0 ? count : null;
}

/** Different (socket, core) pairs of /proc/cpuinfo; null where it names none, as on ARM. */
export function parsePhysicalCores(cpuinfo: string): number | null {
  const cores = new Set<string>();
  for (const block of cpuinfo.split(/\n\s*\n/)) {
    const socket = /^physical id\s*:\s*(\d+)/m.exec(block)?.[1];
    const core = /^core id\s*:\s*(\d+)/m.exec(block)?.[1];
    if (socket !== undefined && core !== undefined) cores.add(`${socket}/${core}`);
  }
  return cores.size > 0 ? cores.size : null;
}

function cpuModel(facts: NodeFacts, read: ReadText): string | null {
  const named = facts.cpuModels.find((model) => model.trim() !== "" && model !== "unknown");
  return named?.trim().replace(/\s+/g, " ") ?? parseArmModel(read("/proc/cpuinfo") ?? "");
}

/** ARM kernels number the maker and the part instead of naming the model. */
export function parseArmModel(cpuinfo: string): string | null {
  const implementer = /^CPU implementer\s*:\s*(\S+)/m.exec(cpuinfo)?.[1];
  const part = /^CPU part\s*:\s*(\S+)/m.exec(cpuinfo)?.[1];
  return implementer === undefined || part === undefined ? null : `ARM ${implementer}/${part}`;
}

async function osVersion(facts: NodeFacts, ask: { run: RunProcess; read: ReadText }): Promise<string> {
  if (facts.platform === "linux") return parseOsRelease(ask.read("/etc/os-release") ?? "") ?? facts.release;
  if (facts.platform !== "darwin") return facts.release;
  return (await answerOf(ask.run, ["sw_vers", "-productVersion"])) ?? facts.release;
}

/** `debian 12`: the distribution's own id and version. */
export function parseOsRelease(text: string): string | null {
  const value = (name: string) => new RegExp(`^${name}=["']?([^"'\\n]*)["']?$`, "m").exec(text)?.[1];
  const id = value("ID");
  return id === undefined ? null : [id, value("VERSION_ID")].filter((part) => part !== undefined).join(" ");
}

/** What a program prints, when it is there, ends well and in time. */
export async function answerOf(
  run: RunProcess,
  argv: string[],
  timeoutMs: number = ASK_MS,
): Promise<string | null> {
  const ended = await run(argv, { cwd: "/", timeout_ms: timeoutMs }).catch(() => null);
  return ended?.code === 0 ? `${ended.stdout}\n${ended.stderr}`.trim() : null;
}
