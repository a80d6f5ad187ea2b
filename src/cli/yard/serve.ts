/** A coordinator in this process, on the real machine's ports. */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { registerCoordinator as announceCoordinator } from "../../client/index.ts";
import { registerLivePage, startServer, type RunningServer } from "../../coordinator/index.ts";
import {
  createClock,
  createRandom,
  processStartTime,
  stateDir,
  wrapWebSocket,
  WS_MAX_PAYLOAD_BYTES,
} from "../../platform/index.ts";
import type { Logger } from "../../ports/index.ts";
import type { WebhookOptions } from "./webhook-flags.ts";
import { version } from "../version.ts";

export interface ServeOptions {
  host: string;
  port: number;
  dataDir: string;
  dbPath?: string | undefined;
  coordinatorId?: string | undefined;
  /** Silence after which a worker counts as suspect. */
  suspectMs?: number | undefined;
  /** Of logs, artifacts and workspaces; 0: for ever. */
  retentionMs?: number | undefined;
  /** Where webhooks may go, and those of the yard. */
  webhooks?: WebhookOptions | undefined;
  logger: Logger;
}

export async function serve(options: ServeOptions): Promise<RunningServer> {
  const started = processStartTime(process.pid) ?? "";
  return startServer({
    host: options.host,
    port: options.port,
    dataDir: options.dataDir,
    ...(options.dbPath !== undefined && { dbPath: options.dbPath }),
    coordinatorId: options.coordinatorId ?? `${hostname().split(".")[0]}-${randomBytes(2).toString("hex")}`,
    version: version(),
    env: process.env,
    ...(options.retentionMs !== undefined && { retentionMs: options.retentionMs }),
    ...options.webhooks,
    ...(options.suspectMs !== undefined && { settings: { suspectMs: options.suspectMs } }),
    process: { host: hostname(), pid: process.pid, started },
    startTimeOf: processStartTime,
    clock: createClock(),
    random: createRandom(),
    logger: options.logger,
    wrapWebSocket,
    maxPayloadBytes: WS_MAX_PAYLOAD_BYTES,
    pages: registerLivePage,
    announce: ({ url, port }) =>
      announceCoordinator(stateDir(), {
        port,
        entry: { url, data_dir: options.dataDir, pid: process.pid, pid_started: started },
      }),
  });
}
