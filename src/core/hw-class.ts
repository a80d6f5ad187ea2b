/**
 * What makes two machines alike for a measurement, as canonical text; its hash is the `hw_class`. Memory is
 * rounded to a power of two GB and drivers to their major version: what differs below that is noise.
 */
import type { Capabilities, Gpu } from "./requirements.ts";

export function hwClassFacts(capabilities: Capabilities): string {
  const { arch, cpu, memory_mb, gpus } = capabilities;
  const memoryGb = 2 ** Math.round(Math.log2(Math.max(1, memory_mb / 1024)));
  return JSON.stringify([arch, cpu.model, cpu.physical_cores, memoryGb, gpuFacts(gpus)]);
}

function gpuFacts(gpus: readonly Gpu[]): string[] {
  const counts = new Map<string, number>();
  for (const { model, driver } of gpus) {
    const kind = `${model} driver ${driver?.split(".")[0] ?? "unknown"}`;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].map(([kind, count]) => `${count} × ${kind}`).sort();
}
