/**
 * A coordinator as a process: data directory, log, blobs, results, the coordinator itself, and the port on
 * which everybody finds it. Started step by step, and each step leaves behind what undoes it, so that a
 * start which fails half-way and a stop take the same way back.
 */
import type { FastifyInstance } from "fastify";
import type { WebSocket } from "ws";
import { openBlobStore } from "../blobs/index.ts";
import {
  claimDirectory,
  decodeRecord,
  loadState,
  openLmdbLog,
  refuseLivingLeader,
  type EventLog,
} from "../log/index.ts";
import type { Clock, Connection, Logger, Random } from "../ports/index.ts";
import { startResults, type ReadBlob, type Results } from "../results/index.ts";
import { assemble, type Assembly, type Opened } from "./assembly.ts";
import { ensureClientKey, ensureWebhookSecret } from "../security/index.ts";
import type { WebhookPorts } from "./automation.ts";
import { firstClusterId, layOut } from "./data-dir.ts";
import { Ending } from "./ending.ts";
import { createApp, isLoopback, newId, routeSockets, type HttpContext } from "./http/index.ts";
import { closeHttp, listen, urlOf, watchSilent } from "./listen.ts";
import { Retention } from "./retention/index.ts";
import type { CoordinatorSettings } from "./settings.ts";
import { startError, StartError } from "./start-error.ts";
import { startTracing } from "./tracing/index.ts";
import { Unwind } from "./unwind.ts";

export interface ResultsSetup {
  log: EventLog;
  logDir: string;
  dbPath: string;
  exportDir: string;
  clusterId: string;
  readBlob: ReadBlob;
  logger: Logger;
}

export interface ServerOptions {
  /** A loopback address. */
  host: string;
  /** 0: any free one. */
  port: number;
  dataDir: string;
  /** The results file; inside the data directory unless given. */
  dbPath?: string;
  coordinatorId: string;
  version: string;
  settings?: Partial<CoordinatorSettings>;
  /** This process, as the log names it. */
  process: { host: string; pid: number; started: string };
  /** Start time of a living process, null when there is none with that pid. */
  startTimeOf: (pid: number) => string | null;
  clock: Clock;
  random: Random;
  logger: Logger;
  wrapWebSocket: (socket: WebSocket) => Connection;
  maxPayloadBytes: number;
  /** In a process of their own unless given. */
  openResults?: (setup: ResultsSetup) => Promise<Results>;
  snapshotEntry?: string;
  /** Where traces go is told in it: see tracing/. */
  env?: Readonly<Record<string, string | undefined>>;
  /** How long logs, artifacts and workspaces of ended tasks are kept; 0: for ever; 30 days unless given. */
  retentionMs?: number;
  /** How webhooks leave the machine; none does unless given. */
  webhooks?: WebhookPorts;
  /** Webhooks of the yard that are added where they are missing. */
  webhookUrls?: readonly string[];
  /** Routes beside the API, such as pages. */
  pages?: (app: FastifyInstance) => void;
  /** Tells others where the server is; what it returns takes that back. */
  announce?: (at: { url: string; port: number }) => Promise<() => Promise<void>>;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly clusterId: string;
  /** Everything acknowledged is durable and every child has ended when it resolves. */
  close(): Promise<void>;
  /** Resolves once it is down: null after `close`, else what brought it down. Never rejects. */
  readonly ended: Promise<Error | null>;
}

const RESULTS_PATIENCE_MS = 5_000;
const RETENTION_MS = 30 * 86_400_000;

/** @throws StartError, and then nothing is left running or claimed */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const unwind = new Unwind(options.logger);
  try {
    return await start(options, unwind);
  } catch (error) {
    await unwind.all();
    throw startError(error);
  }
}

async function start(options: ServerOptions, unwind: Unwind): Promise<RunningServer> {
  refuseBeyondLoopback(options.host);
  const dirs = layOut(options.dataDir, options.dbPath);
  const clientKey = await ensureClientKey(dirs.path);
  const webhookSecret = await ensureWebhookSecret(dirs.path);
  const self = {
    pid: options.process.pid,
    pidStarted: options.process.started,
    startTimeOf: options.startTimeOf,
  };
  const now = options.clock.now();
  const claim = claimDirectory(dirs.path, { ...self, coordinatorId: options.coordinatorId, now });
  unwind.add("the claim of the data directory", async () => claim.release());
  const log = await openLmdbLog({ dir: dirs.logDir });
  unwind.add("the log", () => log.close());
  const loaded = await loadState({ log, snapshotDir: dirs.snapshotDir, logger: options.logger });
  refuseLivingLeader(loaded.state.leader, self);
  const blobs = await openBlobStore({ dir: dirs.blobDir });
  unwind.add("the blob store", () => blobs.close());
  const clusterId = loaded.state.clusterId || firstClusterId(dirs.path, () => hex(options.random.bytes(16)));
  const results = await openResults(options, { dirs, log, blobs, clusterId });
  unwind.add("the results", () => results.close());
  return lead(options, unwind, { dirs, clientKey, webhookSecret, log, loaded, blobs, clusterId, results });
}

function refuseBeyondLoopback(host: string): void {
  if (isLoopback(host)) return;
  const hint = "Give --host 127.0.0.1; reach it from other machines through an SSH tunnel.";
  const message = `this version listens on loopback addresses only, not on ${host}`;
  throw new StartError("beyond_loopback", message, { hint });
}

async function openResults(
  options: ServerOptions,
  { dirs, log, blobs, clusterId }: Pick<Opened, "dirs" | "log" | "blobs" | "clusterId">,
): Promise<Results> {
  const { logger, openResults: open = ({ log: _log, ...setup }: ResultsSetup) => startResults(setup) } =
    options;
  const { logDir, dbPath, exportDir } = dirs;
  const readBlob = async (sha256: string) => (blobs.has(sha256) ? blobs.get(sha256) : null);
  return open({ log, logDir, dbPath, exportDir, clusterId, readBlob, logger });
}

async function lead(options: ServerOptions, unwind: Unwind, opened: Opened): Promise<RunningServer> {
  const closing = new AbortController();
  const ending = new Ending(unwind, closing);
  const address = { host: options.host, port: options.port };
  const onEnded = (error: Error): void => void ending.end(error);
  const logSince = (await oldestTime(opened.log)) ?? options.clock.now();
  const surroundings = { address, closing: closing.signal, onEnded, logSince };
  const assembly = assemble(options, opened, surroundings);
  const { coordinator, context, dashboard, snapshots } = assembly;
  const { loop } = coordinator;
  await trace(options, unwind, assembly);
  unwind.add("the snapshot process", () => snapshots.end());
  const retention = createRetention(options, opened);
  unwind.add("the retention", () => retention.end());
  unwind.add("the last results", () => catchUp(opened.results, loop.committedPosition, options.clock));
  unwind.add("the export", () => context.exports.end());
  unwind.add("the coordinator", async () => coordinator.stop());
  unwind.add("webhooks and schedules", async () => context.automation.stop());
  await coordinator.start();
  retention.start();
  await addWebhooks(context, options.webhookUrls ?? []);
  const app = createApp(context);
  options.pages?.(app);
  routeSockets(app.server, {
    port: context.port,
    maxPayloadBytes: options.maxPayloadBytes,
    wrap: options.wrapWebSocket,
    accept: {
      "/ws": (connection) => coordinator.accept(connection),
      "/ws/dashboard": (connection) => dashboard.accept(connection),
    },
    isClosing: () => closing.signal.aborted,
  });
  const silent = watchSilent(app.server);
  unwind.add("the HTTP server", async () => {
    // What was decided is answered; then the sockets of workers and dashboards may go.
    await loop.committed().catch(() => {});
    coordinator.stop();
    dashboard.close();
    await closeHttp(app, { clock: options.clock, silent });
  });
  address.port = await listen(app, options);
  const { port } = address;
  const url = urlOf(options.host, port);
  const withdraw = await options.announce?.({ url, port });
  if (withdraw !== undefined) unwind.add("the announcement", withdraw);
  context.automation.start();
  return { url, port, clusterId: opened.clusterId, close: () => ending.end(null), ended: ending.ended };
}

async function trace(
  { env = {}, version, logger }: ServerOptions,
  unwind: Unwind,
  { coordinator, onCommitted }: Assembly,
): Promise<void> {
  const tracing = await startTracing({ env, version, logger, state: () => coordinator.loop.state });
  if (tracing === null) return;
  onCommitted((record) => tracing.committed(record));
  unwind.add("the traces", () => tracing.close());
}

function createRetention(
  { retentionMs = RETENTION_MS, clock, logger }: ServerOptions,
  opened: Opened,
): Retention {
  const { blobs, dirs } = opened;
  const { logDir, blobDir } = dirs;
  return new Retention({ blobs, logDir, blobDir, retentionMs, clock, logger });
}

const HOST_HINT = { hint: "Allow its host with --webhook-host, or leave --webhook out." };

/** Those that were given at the start and are not there yet. */
async function addWebhooks(context: HttpContext, urls: readonly string[]): Promise<void> {
  const { automation, coordinator } = context;
  for (const url of urls) {
    const refused = automation.refuseUrl(url);
    if (refused !== null) throw new StartError("webhook_refused", refused, HOST_HINT);
    const command = { type: "add_webhook", webhook_id: newId(context), url, run_id: null } as const;
    const decision = coordinator.loop.execute(command);
    if (decision.kind === "rejected")
      throw new StartError("webhook_refused", decision.rejection.message, HOST_HINT);
  }
  await coordinator.loop.committed();
}

async function oldestTime(log: EventLog): Promise<number | null> {
  for await (const stored of log.read(await log.first())) return decodeRecord(stored).at;
  return null;
}

/**
 * So that the file shows everything to whoever opens it next; what is missing would be added at the next
 * start.
 */
async function catchUp(results: Results, position: number, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(RESULTS_PATIENCE_MS, resolve);
    const done = () => {
      timer.cancel();
      resolve();
    };
    results.reached(position).then(done, done);
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
