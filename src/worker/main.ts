/**
 * A worker as a process: the agent wired to the real machine.
 *
 * The command `testyard worker` calls `startWorker`; bundled into one file this module is also a program of
 * its own, so that a machine can join with nothing but Node and that file.
 */
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import type { Capabilities } from "../core/index.ts";
import type { Logger } from "../ports/index.ts";
import {
  createClock,
  createFileSpool,
  createLogger,
  createRandom,
  createWsDialer,
  killMarked,
  processStartTime,
  startProcess,
  stateDir,
} from "../platform/index.ts";
import { openWorkspaceCache, type WorkspaceCache } from "../workspace/index.ts";
import { Agent } from "./agent.ts";
import { createBulkClient, type BulkClient } from "./bulk/index.ts";
import { createLoadSampler, detectCapabilities } from "./capabilities/index.ts";
import { createProcessExecutor, createRunProcess, keyPrefixOf } from "./executors/index.ts";
import type { Executor } from "./executor.ts";
import { parseWorkerArgs } from "./worker-args.ts";
import { claimWorkDir, type WorkDir } from "./work-dir.ts";

export interface WorkerOptions {
  /** Of the coordinators, http or ws; tried in turn. */
  urls: readonly string[];
  /** The yard's key, 64 hexadecimal digits. */
  key: string;
  logger: Logger;
  /** Default: made from the host's name once, and kept in the work directory. */
  workerId?: string | undefined;
  /** Default: one of this user's own that no other worker uses. */
  workDir?: string | undefined;
  /** Default: one for each core. */
  slots?: number | undefined;
  labels?: Record<string, string> | undefined;
  cacheBytes?: number | undefined;
  reconnectMs?: number | undefined;
  /** In place of real processes. */
  executor?: Executor | undefined;
}

export interface RunningWorker {
  readonly workerId: string;
  readonly workDir: string;
  /** Takes nothing new, finishes what runs, delivers it, and is gone. */
  drain(reason: string): Promise<void>;
  /** Ends what runs; those attempts are told as ended by the worker, so that they start elsewhere at once. */
  stop(reason: string): Promise<void>;
}

const GRACE_MS = 10_000;
const LOG_LIMIT_BYTES = 64 * 1024 * 1024;
const CACHE_BYTES = 20 * 1024 ** 3;
/** What a worker that is told to stop at once gives the coordinator to hear of it. */
const LAST_WORDS_MS = 2_000;

export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const workDir = claimWorkDir(options.workDir, {
    stateDir: stateDir(),
    startTimeOf: processStartTime,
  });
  const killed = await killMarked(keyPrefixOf(workDir.path));
  if (killed.found > 0) {
    options.logger.warn(`ended ${killed.found} processes that a former life of this worker had left`);
  }
  const clock = createClock();
  const random = createRandom();
  const capabilities = await detect(workDir.path);
  const workerId =
    options.workerId ?? workDir.rememberedId(() => `${hostId()}-${randomBytes(2).toString("hex")}`);
  const bulk = createBulkClient({ urls: options.urls, key: options.key, clock, random });
  const cache = await openWorkspaceCache({
    dir: workDir.join("cache"),
    limitBytes: options.cacheBytes ?? CACHE_BYTES,
    now: () => clock.now(),
  });
  const executor = options.executor ?? processes({ workDir, workerId, cache, bulk, capabilities });
  const agent = new Agent({
    workerId,
    incarnation: randomBytes(8).toString("hex"),
    slots: options.slots ?? capabilities.cpu.logical_cores,
    labels: options.labels ?? {},
    capabilities,
    urls: options.urls.map(socketUrl),
    secret: Buffer.from(options.key, "hex"),
    clock,
    random,
    dialer: createWsDialer(),
    spool: createFileSpool(workDir.join("results")),
    executor,
    logger: options.logger,
    load: createLoadSampler(),
    onWelcome: (url) => bulk.setBase(url),
    ...(options.reconnectMs !== undefined && { reconnectMs: options.reconnectMs }),
  });
  await agent.start();
  return running({ agent, executor, bulk, cache, workDir, workerId });
}

interface Parts {
  agent: Agent;
  executor: Executor;
  bulk: BulkClient;
  cache: WorkspaceCache;
  workDir: WorkDir;
  workerId: string;
}

function running({ agent, executor, bulk, cache, workDir, workerId }: Parts): RunningWorker {
  const close = async (): Promise<void> => {
    agent.stop();
    await executor.close();
    bulk.close();
    await cache.close();
    workDir.release();
  };
  return {
    workerId,
    workDir: workDir.path,
    async drain(reason) {
      await agent.drain(reason);
      await close();
    },
    async stop(reason) {
      const drained = agent.drain(reason);
      await executor.close();
      await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref())]);
      await close();
    },
  };
}

function processes(parts: {
  workDir: WorkDir;
  workerId: string;
  cache: WorkspaceCache;
  bulk: BulkClient;
  capabilities: Capabilities;
}): Executor {
  return createProcessExecutor({
    workDir: parts.workDir.path,
    cache: parts.cache,
    bulk: parts.bulk,
    clock: createClock(),
    graceMs: GRACE_MS,
    env: process.env,
    logLimitBytes: LOG_LIMIT_BYTES,
    workerId: parts.workerId,
    gpus: parts.capabilities.gpus,
    start: startProcess,
  });
}

function detect(workDir: string): Promise<Capabilities> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined));
  const keyPrefix = keyPrefixOf(workDir);
  return detectCapabilities({
    run: createRunProcess({
      start: startProcess,
      clock: createClock(),
      env: env as Record<string, string>,
      keyPrefix,
    }),
  });
}

function hostId(): string {
  const name = hostname()
    .split(".")[0]
    ?.replace(/[^A-Za-z0-9_-]/g, "-");
  return name === undefined || !/^[A-Za-z0-9]/.test(name) ? "worker" : name.slice(0, 60);
}

function socketUrl(url: string): string {
  const base = url.replace(/^http/, "ws").replace(/\/+$/, "");
  return base.endsWith("/ws") ? base : `${base}/ws`;
}

/**
 * Runs until a signal: the first one drains, a second one stops at once. A worker that belongs to another
 * process (`ownedByStdin`) stops when that one is gone and the pipe from it closes.
 */
export async function runWorker(options: WorkerOptions & { ownedByStdin?: boolean }): Promise<void> {
  const worker = await startWorker(options);
  await new Promise<void>((resolve, reject) => {
    let signals = 0;
    const leave = (how: "drain" | "stop", reason: string): void => {
      worker[how](reason).then(resolve, reject);
    };
    const onSignal = (signal: string): void => {
      signals += 1;
      if (signals === 1) options.logger.info(`${signal}: finishing what runs; once more to stop at once`);
      leave(signals === 1 ? "drain" : "stop", `${signal} to the worker`);
    };
    for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => onSignal(signal));
    if (options.ownedByStdin === true) {
      process.stdin.resume();
      process.stdin.once("close", () => leave("stop", "the process that started the worker is gone"));
    }
  });
}

/** As a program of its own. */
async function program(): Promise<void> {
  const parsed = parseWorkerArgs(process.argv.slice(2), process.env);
  if (!parsed.ok) {
    process.stderr.write(`${parsed.message}\n`);
    process.exit(parsed.exit);
  }
  const logger = createLogger({ level: "info", json: false });
  await runWorker({ ...parsed.options, logger });
  process.exit(0);
}

if (process.argv[1] !== undefined && isThisFile(process.argv[1])) {
  program().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(3);
  });
}

function isThisFile(path: string): boolean {
  try {
    return realpathSync(path) === fileURLToPath(import.meta.url);
  } catch {
    return false;
  }
}
