/**
 * Which process a pid means. A pid alone is reused; pid and start time are not, within one boot of the
 * machine, so the boot's id is part of the answer.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readProcess } from "./process-table.ts";

const PS_TIMEOUT_MS = 5000;

/** The same text for the same process for as long as it lives; null when it is gone (or only a zombie). */
export function processStartTime(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  return process.platform === "linux" ? linuxStartTime(pid) : psStartTime(pid);
}

function linuxStartTime(pid: number): string | null {
  const entry = readProcess(pid);
  if (entry === null || entry.isDead) return null;
  return `${bootId()}/${entry.startTicks}`;
}

/** For systems without /proc: to the second, which is as fine as they tell. */
export function psStartTime(pid: number): string | null {
  const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
  const asked = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
    env,
    timeout: PS_TIMEOUT_MS,
    encoding: "utf8",
  });
  const [, stat, started] = /^\s*(\S+)\s+(.+?)\s*$/.exec(asked.stdout ?? "") ?? [];
  if (stat === undefined || started === undefined || stat.startsWith("Z")) return null;
  return started.replace(/\s+/g, " ");
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}
