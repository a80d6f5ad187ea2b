/** Starts the process that writes a snapshot, and ends it with whoever started it. */
import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { SnapshotReport } from "./snapshot-process.ts";

export interface SnapshotRun {
  readonly pid: number | undefined;
  /** Rejects with SnapshotFailed. */
  readonly done: Promise<SnapshotReport>;
  /** Ends it at once; an unfinished snapshot has no name yet and harms nobody. */
  kill(): void;
}

class SnapshotFailed extends Error {
  override readonly name = "SnapshotFailed";
  readonly code = "snapshot_failed";
  readonly details: { reason: string };

  constructor(reason: string) {
    super(`no snapshot was written: ${reason}`);
    this.details = { reason };
  }
}

export interface SpawnSnapshotOptions {
  logDir: string;
  snapshotDir: string;
  /** The program to run, when it does not lie beside this module. */
  entry?: string;
}

export function spawnSnapshot({ logDir, snapshotDir, entry }: SpawnSnapshotOptions): SnapshotRun {
  const program = entry ?? fileURLToPath(new URL("./snapshot-process.js", import.meta.url));
  const child = spawn(process.execPath, [program, logDir, snapshotDir], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const done = outputOf(child).then((output) => JSON.parse(output) as SnapshotReport);
  // Killed at the end of everything, it may have nobody left to tell.
  done.catch(() => {});
  return { pid: child.pid, done, kill: () => void child.kill("SIGKILL") };
}

function outputOf(child: ChildProcess): Promise<string> {
  let output = "";
  let complaint = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new SnapshotFailed(error.message)));
    child.once("close", (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(new SnapshotFailed((output || complaint).trim() || `it ended by ${signal ?? `code ${code}`}`));
    });
  });
}
