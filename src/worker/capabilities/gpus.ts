/**
 * GPUs, as the vendors' own tools tell of them; a driver without its tool is no GPU that a test could use.
 *
 * Devices of all vendors are numbered through, because a task is assigned devices by number.
 */
import type { Gpu } from "../../core/index.ts";
import type { RunProcess } from "../../adapters/index.ts";
import { answerOf } from "./host.ts";

const NVIDIA_FIELDS = "index,name,memory.total,driver_version,compute_cap";
const NVIDIA_SMI = ["nvidia-smi", `--query-gpu=${NVIDIA_FIELDS}`, "--format=csv,noheader,nounits"];
const ROCM_SMI = ["rocm-smi", "--showproductname", "--showmeminfo", "vram", "--showdriverversion", "--json"];
const SYSTEM_PROFILER = ["system_profiler", "SPDisplaysDataType", "-json"];
/** The first question after boot loads the driver. */
const ASK_MS = 20_000;
const MEGABYTE = 1024 * 1024;

export async function detectGpus(
  run: RunProcess,
  host: { platform: NodeJS.Platform; memory_mb: number },
): Promise<Gpu[]> {
  if (host.platform === "darwin")
    return parseSystemProfiler((await answerOf(run, SYSTEM_PROFILER, ASK_MS)) ?? "", host.memory_mb);
  const [nvidia, amd] = await Promise.all([
    answerOf(run, NVIDIA_SMI, ASK_MS),
    answerOf(run, ROCM_SMI, ASK_MS),
  ]);
  return numbered([...parseNvidiaSmi(nvidia ?? ""), ...parseRocmSmi(amd ?? "")]);
}

function numbered(gpus: readonly Gpu[]): Gpu[] {
  return gpus.slice(0, 64).map((gpu, index) => ({ ...gpu, index }));
}

/** `0, NVIDIA A100-SXM4-40GB, 40960, 535.161.08, 8.0` a line; what a device cannot tell is `[N/A]`. */
export function parseNvidiaSmi(text: string): Gpu[] {
  return text
    .split("\n")
    .flatMap((line) => {
      const [index, model, memory, driver, compute] = line.split(",").map((field) => field.trim());
      if (index === undefined || !/^\d+$/.test(index) || model === undefined || model === "") return [];
      return [
        {
          index: Number(index),
          vendor: "nvidia",
          model: model.slice(0, 256),
          memory_mb: Number.parseInt(memory ?? "", 10) || 0,
          ...known("driver", driver),
          ...known("compute", compute),
        },
      ];
    })
    .sort((a, b) => a.index - b.index);
}

function known<K extends "driver" | "compute">(
  name: K,
  value: string | undefined,
): Partial<Record<K, string>> {
  const limit = name === "compute" ? 32 : 64;
  const isKnown = value !== undefined && /^\d/.test(value);
  return isKnown ? ({ [name]: value.slice(0, limit) } as Record<K, string>) : {};
}

/** One object a card and one for the system; the names of fields have changed their case between releases. */
export function parseRocmSmi(text: string): Gpu[] {
  const answer = jsonObjectIn(text);
  const driver = fieldOf(objectOf(answer["system"]), "driver version");
  return Object.entries(answer)
    .flatMap(([card, value]) => {
      const index = /^card(\d+)$/.exec(card)?.[1];
      const fields = objectOf(value);
      if (index === undefined) return [];
      const model = fieldOf(fields, "card series") ?? fieldOf(fields, "card model") ?? "AMD GPU";
      const bytes = Number(fieldOf(fields, "vram total memory (b)") ?? 0);
      return [
        {
          index: Number(index),
          vendor: "amd",
          model: model.slice(0, 256),
          memory_mb: bytes > 0 ? Math.floor(bytes / MEGABYTE) : 0,
          ...known("driver", driver),
        },
      ];
    })
    .sort((a, b) => a.index - b.index);
}

/** Apple's GPUs share the machine's memory; only those with Metal count. */
export function parseSystemProfiler(text: string, memoryMb: number): Gpu[] {
  const list = jsonObjectIn(text)["SPDisplaysDataType"];
  const devices = (Array.isArray(list) ? list : []).map(objectOf).filter(hasMetal);
  const named = devices.map(
    (fields) => fieldOf(fields, "sppci_model") ?? fieldOf(fields, "_name") ?? "Apple GPU",
  );
  return named
    .filter((model) => /apple/i.test(model))
    .map((model, index) => ({ index, vendor: "apple", model: model.slice(0, 256), memory_mb: memoryMb }));
}

function hasMetal(fields: Record<string, unknown>): boolean {
  const answers = ["spdisplays_mtlgpufamilysupport", "spdisplays_metalfamily", "spdisplays_metal"];
  const answer = answers.map((name) => fieldOf(fields, name)).find((value) => value !== undefined);
  return answer !== undefined && !/unsupported|not_supported/.test(answer);
}

/** The tools print warnings before and after. */
function jsonObjectIn(text: string): Record<string, unknown> {
  const [start, end] = [text.indexOf("{"), text.lastIndexOf("}")];
  try {
    return objectOf(JSON.parse(text.slice(start, end + 1)));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function fieldOf(fields: Record<string, unknown>, name: string): string | undefined {
  const found = Object.entries(fields).find(([key]) => key.toLowerCase() === name);
  return typeof found?.[1] === "string" && found[1] !== "" && found[1] !== "N/A" ? found[1] : undefined;
}

const HARDWARE_OF: Readonly<Record<string, string>> = { nvidia: "cuda", amd: "rocm", apple: "mps" };

/** The names that a task may ask for. */
export function hardwareNames(gpus: readonly Gpu[]): string[] {
  const names = gpus.flatMap((gpu) => HARDWARE_OF[gpu.vendor] ?? []);
  return ["cpu", ...new Set(names)];
}
