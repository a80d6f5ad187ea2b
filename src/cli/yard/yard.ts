/** A whole yard on this machine: a coordinator in this process, workers in processes of their own. */
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { callersTrace } from "../connection.ts";
import { connect, type Client } from "../../client/index.ts";
import type { RunningServer } from "../../coordinator/index.ts";
import { createLogger } from "../../platform/index.ts";
import type { Logger } from "../../ports/index.ts";
import { readClientKey } from "../../security/index.ts";
import type { WebhookOptions } from "./webhook-flags.ts";
import { startWorkers, type WorkerPool } from "./worker-pool.ts";

export interface YardOptions {
  host?: string;
  /** 0: any free one. */
  port: number;
  dataDir: string;
  dbPath?: string | undefined;
  coordinatorId?: string | undefined;
  retentionMs?: number | undefined;
  workers: number;
  slots: number;
  webhooks?: WebhookOptions;
  workerEnv?: Readonly<Record<string, string>>;
  onNote: (text: string) => void;
}

export interface Yard {
  readonly url: string;
  readonly dataDir: string;
  readonly client: Client;
  readonly server: RunningServer;
  readonly workers: WorkerPool;
  readonly slots: number;
  close(): Promise<void>;
}

const WORKERS = 2;

/** Two workers unless there is one core; together they have a slot for each core. */
export function defaultWorkers(cores: number = availableParallelism()): number {
  return Math.min(WORKERS, cores);
}

export function defaultSlots(workers: number, cores: number = availableParallelism()): number {
  return Math.max(1, Math.ceil(cores / workers));
}

export async function startYard(options: YardOptions): Promise<Yard> {
  const { dataDir, workers: count, slots, onNote } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // Only now: a command that starts no yard neither waits for the engines nor fails for want of them.
  const { serve } = await import("./serve.ts");
  const log = openLog(join(dataDir, "coordinator.log"));
  const server = await serve({
    host: options.host ?? "127.0.0.1",
    port: options.port,
    dataDir,
    dbPath: options.dbPath,
    coordinatorId: options.coordinatorId,
    retentionMs: options.retentionMs,
    webhooks: options.webhooks,
    logger: log.logger,
  }).catch(async (error: unknown) => {
    await log.close();
    throw error;
  });
  const key = await readClientKey(dataDir);
  const { url } = server;
  const dir = join(dataDir, "workers");
  const workers = startWorkers({
    url,
    key,
    count,
    slots,
    dir,
    onNote,
    ...(options.workerEnv !== undefined && { env: options.workerEnv }),
  });
  return {
    url,
    dataDir,
    server,
    workers,
    slots: count * slots,
    client: connect({ url, key, ...callersTrace() }),
    async close() {
      await workers.close();
      await server.close();
      await log.close();
    },
  };
}

/** What the coordinator has to say goes to a file: the terminal belongs to the run. */
function openLog(path: string): { logger: Logger; close(): Promise<void> } {
  const stream = createWriteStream(path, { flags: "a", mode: 0o600 });
  stream.on("error", () => {});
  return {
    logger: createLogger({ level: "info", json: false, write: (line) => void stream.write(line) }),
    close: () => new Promise((resolve) => stream.end(() => resolve())),
  };
}
