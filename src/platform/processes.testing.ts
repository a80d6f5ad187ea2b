/** Real little programs for the tests of process trees, and the questions that those tests ask. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { startProcess } from "./process.ts";
import type { ProcessEnd, RunningProcess } from "./process.ts";

export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "testyard-platform-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export interface Started extends RunningProcess {
  output(): string;
  outputBytes(): number;
  /** Resolves once the output matches. */
  printed(text: string | RegExp): Promise<void>;
}

let keys = 0;

export function freshKey(): string {
  keys += 1;
  return `test-${process.pid}-${keys}`;
}

export async function run(argv: string[], more: { cwd?: string; key?: string } = {}): Promise<Started> {
  const chunks: Uint8Array[] = [];
  const waiting = new Set<() => void>();
  const output = () => Buffer.concat(chunks).toString("utf8");
  const running = await startProcess({
    argv,
    cwd: more.cwd ?? tmpdir(),
    env: { PATH: process.env["PATH"] ?? "" },
    key: more.key ?? freshKey(),
    onOutput: (chunk) => {
      chunks.push(chunk);
      for (const look of waiting) look();
    },
  });
  const printed = (text: string | RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (output().search(text) >= 0) resolve();
      };
      waiting.add(look);
      look();
      void running.ended.then(() => reject(new Error(`ended without printing ${String(text)}: ${output()}`)));
    });
  return { ...running, output, outputBytes: () => chunks.reduce((sum, it) => sum + it.length, 0), printed };
}

export async function ended(
  argv: string[],
  more: { cwd?: string; key?: string } = {},
): Promise<ProcessEnd & { output: string }> {
  const started = await run(argv, more);
  return { ...(await started.ended), output: started.output() };
}

/** Alive and no zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== "linux" || !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** The pids that the programs say they have. */
export function pidsIn(output: string): number[] {
  return [...output.matchAll(/^pid (\d+)$/gm)].map((match) => Number(match[1]));
}

/** Forks twice into a session of its own, prints its pid, and ignores SIGTERM. */
export const DAEMON_PY = `
import os, signal, sys, time
def daemon(keep_output):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            sys.stdout.write("pid %d\\n" % os.getpid()); sys.stdout.flush()
            if not keep_output:
                null = os.open(os.devnull, os.O_RDWR)
                for fd in (1, 2): os.dup2(null, fd)
            time.sleep(600)
        os._exit(0)
    os.wait()
`;
