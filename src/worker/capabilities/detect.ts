/**
 * What this machine offers, asked of the machine itself, once, at the start of a worker. Everything that a
 * task can require has been started or read here; nothing is taken from configuration.
 */
import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, homedir, hostname, release, totalmem } from "node:os";
import { join } from "node:path";
import type { Capabilities } from "../../core/index.ts";
import type { RunProcess } from "../../adapters/index.ts";
import type { ReadText } from "./cgroup.ts";
import { detectGpus, hardwareNames } from "./gpus.ts";
import { hostCapabilities } from "./host.ts";
import type { NodeFacts } from "./host.ts";
import { detectBrowsers, detectRuntimes, playwrightBrowsers } from "./programs.ts";

export interface DetectOptions {
  /** Rejects, or ends with a code other than 0, for what is not there. */
  run: RunProcess;
  read?: ReadText;
  facts?: NodeFacts;
}

export async function detectCapabilities(options: DetectOptions): Promise<Capabilities> {
  const { run, read = readText, facts = nodeFacts() } = options;
  const host = await hostCapabilities(facts, { run, read });
  const gpus = await detectGpus(run, { platform: facts.platform, memory_mb: host.memory_mb });
  const runtimes = await detectRuntimes(run);
  const browsers = await detectBrowsers(run, playwrightBrowsers(playwrightFolder(facts.platform)));
  return { ...host, gpus, hardware: hardwareNames(gpus), browsers, runtimes };
}

export const readText: ReadText = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
};

function nodeFacts(): NodeFacts {
  return {
    platform: process.platform,
    arch: arch(),
    hostname: hostname(),
    release: release(),
    cpuModels: cpus().map(({ model }) => model),
    parallelism: availableParallelism(),
    totalBytes: totalmem(),
  };
}

function playwrightFolder(platform: NodeJS.Platform): string {
  const chosen = process.env["PLAYWRIGHT_BROWSERS_PATH"];
  if (chosen !== undefined && chosen !== "" && chosen !== "0") return chosen;
  return platform === "darwin"
    ? join(homedir(), "Library/Caches/ms-playwright")
    : join(homedir(), ".cache/ms-playwright");
}
