/**
 * What makes two machines comparable for a measurement, as one canonical text. Workers with equal text are one
 * hardware class; whoever may hash turns the text into its short name. Memory is rounded to the nearest power of
 * two, because the same machine reports a little less or more with every kernel; of a driver only the major
 * version counts. The text is versioned by its caller's prefix: another choice of facts is another class.
 */
import type { Capabilities, Gpu } from "./requirements.ts";

type HardwareFacts = Pick<Capabilities, "arch" | "cpu" | "memory_mb" | "gpus">;

/** JSON of [arch, CPU model, physical cores, GB of memory as 2ⁿ, [[GPU, count, major driver]…]]. */
export function hwClassFacts(capabilities: HardwareFacts): string {
  const { arch, cpu, memory_mb, gpus } = capabilities;
  return JSON.stringify([
    arch,
    plain(cpu.model),
    cpu.physical_cores,
    roundedGigabytes(memory_mb),
    gpuFacts(gpus),
  ]);
}

function roundedGigabytes(megabytes: number): number {
  return 2 ** Math.round(Math.log2(Math.max(1, megabytes) / 1024));
}

function gpuFacts(gpus: readonly Gpu[]): [string, number, string][] {
  const counts = new Map<string, [string, number, string]>();
  for (const gpu of gpus) {
    const driver = /^\d+/.exec(gpu.driver ?? "")?.[0] ?? "";
    const model = plain(`${gpu.vendor} ${gpu.model}`);
    const key = JSON.stringify([model, driver]);
    counts.set(key, [model, (counts.get(key)?.[1] ?? 0) + 1, driver]);
  }
  const keys = [...counts.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return keys.flatMap((key) => [counts.get(key) ?? ["", 0, ""]]);
}

/** Firmware pads names with spaces, and not always the same number. */
function plain(name: string): string {
  return name.trim().replace(/\s+/g, " ");
}
