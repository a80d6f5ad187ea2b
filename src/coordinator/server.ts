/**
 * A coordinator as a process: data directory, log, blobs, results, the coordinator itself, and the port on which
 * everybody finds it. Started step by step, and each step leaves behind what undoes it, so that a start which
 * fails half-way and a stop take the same way back.
 */
import type { WebSocket } from "ws";
import { openBlobStore, type BlobStore } from "../blobs/index.ts";
import {
  claimDirectory,
  decodeRecord,
  loadState,
  openLmdbLog,
  refuseLivingLeader,
  type EventLog,
  type Snapshot,
} from "../log/index.ts";
import type { Clock, Connection, Logger, Random } from "../ports/index.ts";
import { startResults, type ReadBlob, type Results } from "../results/index.ts";
import { ensureClientKey } from "../security/index.ts";
import { hash } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { Coordinator } from "./coordinator.ts";
import { firstClusterId, layOut, type DataDir } from "./data-dir.ts";
import { FeedHub } from "./feed.ts";
import { createApp, DashboardFeed, isLoopback, routeSockets, type HttpContext } from "./http/index.ts";
import type { Committed } from "./loop.ts";
import { DEFAULT_SETTINGS, type CoordinatorSettings } from "./settings.ts";
import { Snapshots } from "./snapshots.ts";
import { listenError, startError, StartError } from "./start-error.ts";
import { TaskSignals } from "./task-signals.ts";
import { Unwind } from "./unwind.ts";

export interface ResultsSetup {
  log: EventLog;
  logDir: string;
  dbPath: string;
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
const HTTP_PATIENCE_MS = 2_000;

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
  return lead(options, unwind, { dirs, clientKey, log, loaded, blobs, clusterId, results });
}

function refuseBeyondLoopback(host: string): void {
  if (isLoopback(host)) return;
  const hint = "Give --host 127.0.0.1; reach it from other machines through an SSH tunnel.";
  const message = `this version listens on loopback addresses only, not on ${host}`;
  throw new StartError("beyond_loopback", message, { hint });
}

interface Opened {
  dirs: DataDir;
  clientKey: string;
  log: EventLog;
  loaded: Snapshot;
  blobs: BlobStore;
  clusterId: string;
  results: Results;
}

async function openResults(
  options: ServerOptions,
  { dirs, log, blobs, clusterId }: Pick<Opened, "dirs" | "log" | "blobs" | "clusterId">,
): Promise<Results> {
  const { logger, openResults: open = ({ log: _log, ...setup }: ResultsSetup) => startResults(setup) } =
    options;
  const { logDir, dbPath } = dirs;
  const readBlob = async (sha256: string) => (blobs.has(sha256) ? blobs.get(sha256) : null);
  return open({ log, logDir, dbPath, clusterId, readBlob, logger });
}

async function lead(options: ServerOptions, unwind: Unwind, opened: Opened): Promise<RunningServer> {
  const { clock, logger } = options;
  const { dirs, log, results, clusterId } = opened;
  const closing = new AbortController();
  const ending = new Ending(unwind, closing);
  const onCommitted: ((committed: Committed) => void)[] = [({ position }) => results.poke(position)];
  const coordinator = createCoordinator(options, opened, {
    onCommitted: (committed) => {
      for (const call of onCommitted) call(committed);
    },
    onEnded: (error) => void ending.end(error),
  });
  const { loop } = coordinator;
  const feed = new FeedHub({
    log,
    clock,
    state: () => loop.state,
    committedPosition: () => loop.committedPosition,
  });
  const signals = new TaskSignals();
  let port = options.port;
  const context: HttpContext = {
    ...{ coordinator, feed, signals, log, results, clock, logger, clusterId },
    ...{ blobs: opened.blobs, random: options.random, clientKey: opened.clientKey, dataDir: dirs.path },
    ...{ coordinatorId: options.coordinatorId, version: options.version, startedAt: clock.monotonic() },
    logSince: (await oldestTime(log)) ?? clock.now(),
    port: () => port,
    closing: closing.signal,
    fatal: (error) => void ending.end(error),
  };
  const snapshots = new Snapshots({
    ...{ logDir: dirs.logDir, snapshotDir: dirs.snapshotDir, clock, logger },
    ...(options.snapshotEntry !== undefined && { entry: options.snapshotEntry }),
  });
  unwind.add("the snapshot process", () => snapshots.end());
  const dashboard = new DashboardFeed(context);
  onCommitted.push(
    (committed) => feed.committed(committed),
    ({ events }) => signals.committed(events),
    ({ events }) => dashboard.committed(events),
    ({ events }) => snapshots.committed(events.length),
  );
  unwind.add("the last results", () => catchUp(results, { position: loop.committedPosition, clock }));
  unwind.add("the coordinator", async () => coordinator.stop());
  await coordinator.start();
  const app = createApp(context);
  options.pages?.(app);
  routeSockets(app.server, {
    port: () => port,
    maxPayloadBytes: options.maxPayloadBytes,
    wrap: options.wrapWebSocket,
    accept: {
      "/ws": (connection) => coordinator.accept(connection),
      "/ws/dashboard": (connection) => dashboard.accept(connection),
    },
    isClosing: () => closing.signal.aborted,
  });
  unwind.add("the HTTP server", async () => {
    // What was decided is answered; then the sockets of workers and dashboards may go.
    await loop.committed().catch(() => {});
    coordinator.stop();
    dashboard.close();
    await closeHttp(app, clock);
  });
  port = await listen(app, options);
  const url = urlOf(options.host, port);
  const withdraw = await options.announce?.({ url, port });
  if (withdraw !== undefined) unwind.add("the announcement", withdraw);
  logger.info(`coordinator ${options.coordinatorId} leads`, {
    url,
    data_dir: dirs.path,
    epoch: loop.state.epoch,
  });
  return { url, port, clusterId, close: () => ending.end(null), ended: ending.ended };
}

function createCoordinator(
  options: ServerOptions,
  { log, loaded, clusterId, clientKey, results }: Opened,
  calls: { onCommitted: (committed: Committed) => void; onEnded: (error: Error) => void },
): Coordinator {
  const { coordinatorId: coordinator_id, clock, random, logger } = options;
  const { host, pid, started: pid_started } = options.process;
  const incarnation = hex(random.bytes(8));
  return new Coordinator({
    ...{ state: loaded.state, tip: loaded.tip, log, clusterId, clock, random, logger },
    identity: { coordinator_id, incarnation, host, pid, pid_started },
    secret: new Uint8Array(Buffer.from(clientKey, "hex")),
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    hash: (text) => hash("sha256", text, "hex"),
    projectedPosition: () => results.status().watermark,
    ...calls,
  });
}

/** Ends once, whoever asks first. */
class Ending {
  readonly ended: Promise<Error | null>;
  readonly #unwind: Unwind;
  readonly #closing: AbortController;
  #resolve: (cause: Error | null) => void = () => {};
  #running: Promise<void> | null = null;

  constructor(unwind: Unwind, closing: AbortController) {
    this.#unwind = unwind;
    this.#closing = closing;
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
  }

  end(cause: unknown): Promise<void> {
    this.#running ??= this.#end(cause);
    return this.#running;
  }

  async #end(cause: unknown): Promise<void> {
    this.#closing.abort();
    await this.#unwind.all();
    this.#resolve(cause === null ? null : cause instanceof Error ? cause : new Error(String(cause)));
  }
}

async function oldestTime(log: EventLog): Promise<number | null> {
  for await (const stored of log.read(await log.first())) return decodeRecord(stored).at;
  return null;
}

async function listen(app: FastifyInstance, { host, port }: ServerOptions): Promise<number> {
  try {
    await app.listen({ host: host === "localhost" ? "127.0.0.1" : host.replace(/^\[|\]$/g, ""), port });
  } catch (error) {
    throw listenError(error, { host, port });
  }
  const address = app.server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function urlOf(host: string, port: number): string {
  return `http://${host === "::1" ? "[::1]" : host}:${port}`;
}

/** Answers under way may finish; a connection that does not end by itself is cut. */
async function closeHttp(app: FastifyInstance, clock: Clock): Promise<void> {
  const cut = clock.after(HTTP_PATIENCE_MS, () => app.server.closeAllConnections());
  await app.close();
  cut.cancel();
}

/** So that the file shows everything to whoever opens it next; what is missing would be added at the next start. */
async function catchUp(
  results: Results,
  { position, clock }: { position: number; clock: Clock },
): Promise<void> {
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
