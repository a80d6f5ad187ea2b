/**
 * Carries attempts out as real processes. How many run at once is the caller's to decide: an attempt that is
 * started, starts.
 */
import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Gpu } from "../../core/index.ts";
import type { Clock } from "../../ports/index.ts";
import type { WorkspaceCache } from "../../workspace/index.ts";
import type { Executor } from "../executor.ts";
import { Attempt } from "./attempt.ts";
import type { AttemptContext } from "./attempt.ts";
import { keptEnvironment } from "./environment.ts";
import type { StartProcess } from "./processes.ts";

export interface ProcessExecutorOptions {
  /** The worker's own, used by one worker process at a time. */
  workDir: string;
  cache: Pick<WorkspaceCache, "prepare">;
  bulk: AttemptContext["bulk"];
  clock: Clock;
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  /** The worker's environment; attempts see a short list of it. */
  env: NodeJS.ProcessEnv;
  /** Of the output kept of one attempt. */
  logLimitBytes: number;
  workerId: string;
  gpus: readonly Gpu[];
  start: StartProcess;
}

/** What an executor that is closed gives its processes to end by themselves. */
const CLOSE_GRACE_MS = 1000;

/**
 * The beginning of the keys of all processes that a worker with this folder starts. Whoever starts a worker
 * ends those of its former life by it, before the executor is made.
 */
export function keyPrefixOf(workDir: string): string {
  mkdirSync(workDir, { recursive: true });
  return `${createHash("sha256").update(realpathSync(workDir)).digest("hex").slice(0, 16)}/`;
}

export function createProcessExecutor(options: ProcessExecutorOptions): Executor {
  const attemptsDir = join(options.workDir, "attempts");
  // Attempts of a former life were reported lost; nobody asks for what they left.
  rmSync(attemptsDir, { recursive: true, force: true });
  mkdirSync(attemptsDir, { recursive: true });
  let isClosed = false;
  const context: AttemptContext = {
    ...options,
    attemptsDir,
    kept: keptEnvironment(options.env),
    keyPrefix: keyPrefixOf(options.workDir),
  };
  const running = new Set<Attempt>();
  return {
    start: (assignment, onStarted) => {
      const attempt = new Attempt(context, assignment, onStarted);
      running.add(attempt);
      void attempt.done.then(() => running.delete(attempt));
      if (isClosed) attempt.close(0);
      return attempt;
    },
    close: async () => {
      isClosed = true;
      const left = [...running];
      for (const attempt of left) attempt.close(CLOSE_GRACE_MS);
      await Promise.all(left.map((attempt) => attempt.done));
    },
  };
}
