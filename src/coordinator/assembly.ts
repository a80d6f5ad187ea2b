/** The parts of a leading coordinator, put together: who is told of a commit, and what a request may use. */
import { hash } from "node:crypto";
import type { BlobStore } from "../blobs/index.ts";
import type { EventLog, Snapshot } from "../log/index.ts";
import type { Clock, Logger, Random } from "../ports/index.ts";
import type { Results } from "../results/index.ts";
import { Coordinator, type CoordinatorOptions } from "./coordinator.ts";
import { Automation, type WebhookPorts } from "./automation.ts";
import type { DataDir } from "./data-dir.ts";
import { Exports } from "./exports.ts";
import { FeedHub } from "./feed.ts";
import { DashboardFeed, type HttpContext } from "./http/index.ts";
import { urlOf } from "./listen.ts";
import type { Committed } from "./loop.ts";
import { EventMetrics } from "./metrics/index.ts";
import { RebuildJob } from "./rebuild-job.ts";
import { scheduledSubmission } from "./schedules/index.ts";
import { DEFAULT_SETTINGS, type CoordinatorSettings } from "./settings.ts";
import { Snapshots } from "./snapshots.ts";
import { TaskSignals } from "./task-signals.ts";

export interface Opened {
  dirs: DataDir;
  clientKey: string;
  webhookSecret: string;
  log: EventLog;
  loaded: Snapshot;
  blobs: BlobStore;
  clusterId: string;
  results: Results;
}

export interface AssemblyOptions {
  coordinatorId: string;
  version: string;
  settings?: Partial<CoordinatorSettings>;
  process: { host: string; pid: number; started: string };
  clock: Clock;
  random: Random;
  logger: Logger;
  snapshotEntry?: string;
  webhooks?: WebhookPorts;
}

export interface Surroundings {
  /** The port is known once the server listens. */
  address: { readonly host: string; readonly port: number };
  closing: AbortSignal;
  onEnded: (error: Error) => void;
  /** Milliseconds since 1970 of the oldest record. */
  logSince: number;
}

export interface Assembly {
  coordinator: Coordinator;
  context: HttpContext;
  dashboard: DashboardFeed;
  snapshots: Snapshots;
  /** Calls for every record from now on. */
  onCommitted: (call: (committed: Committed) => void) => void;
}

export function assemble(options: AssemblyOptions, opened: Opened, surroundings: Surroundings): Assembly {
  const { clock, logger, random, coordinatorId, version, snapshotEntry, webhooks } = options;
  const { dirs, log, blobs, results, clientKey, clusterId } = opened;
  const { address, closing, onEnded, logSince } = surroundings;
  const listeners: ((committed: Committed) => void)[] = [];
  const onCommitted = (committed: Committed) => {
    for (const call of listeners) call(committed);
  };
  const metrics = new EventMetrics();
  const onAppended = metrics.appended.bind(metrics);
  const coordinator = createCoordinator(options, opened, { onCommitted, onAppended, onEnded });
  const { loop } = coordinator;
  const committedPosition = () => loop.committedPosition;
  const feed = new FeedHub({ log, clock, state: () => loop.state, committedPosition });
  const signals = new TaskSignals();
  const rebuild = new RebuildJob(async () => {
    if (results.rebuild === undefined) throw new Error("these results have no file of their own");
    return results.rebuild();
  });

  const exports = new Exports({ dir: dirs.exportDir, results, clock, logger });
  const automation = new Automation({
    loop,
    clock,
    logger,
    ...(webhooks !== undefined && { webhooks }),
    webhookSecret: opened.webhookSecret,
    yardUrl: () => urlOf(address.host, address.port),
    submission: (schedule) => scheduledSubmission(context, schedule),
  });
  const made = { coordinator, automation, feed, signals, rebuild, exports, metrics };
  const shared = { ...made, log, blobs, results, clock, random, logger };
  const named = { clientKey, dataDir: dirs.path, clusterId, coordinatorId, version, logSince };
  const startedAt = clock.monotonic();
  const context: HttpContext = {
    ...shared,
    ...named,
    startedAt,
    port: () => address.port,
    closing,
    fatal: onEnded,
  };
  const dashboard = new DashboardFeed(context);
  const { logDir, snapshotDir } = dirs;
  const entry = snapshotEntry === undefined ? {} : { entry: snapshotEntry };
  const snapshots = new Snapshots({ logDir, snapshotDir, clock, logger, ...entry });
  listeners.push(
    ({ position }) => results.poke(position),
    (committed) => feed.committed(committed),
    ({ events }) => signals.committed(events),
    (committed) => metrics.committed(committed, loop.state),
    (committed) => automation.committed(committed),
    ({ events }) => dashboard.committed(events),
    ({ events }) => snapshots.committed(events.length),
  );
  return { coordinator, context, dashboard, onCommitted: (call) => void listeners.push(call), snapshots };
}

function createCoordinator(
  options: AssemblyOptions,
  { log, loaded, clusterId, clientKey, results }: Opened,
  calls: Pick<CoordinatorOptions, "onCommitted" | "onAppended" | "onEnded">,
): Coordinator {
  const { coordinatorId: coordinator_id, clock, random, logger } = options;
  const { host, pid, started: pid_started } = options.process;
  const incarnation = hex(random.bytes(8));
  return new Coordinator({
    state: loaded.state,
    tip: loaded.tip,
    log,
    clusterId,
    clock,
    random,
    logger,
    identity: { coordinator_id, incarnation, host, pid, pid_started },
    secret: new Uint8Array(Buffer.from(clientKey, "hex")),
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    hash: (text) => hash("sha256", text, "hex"),
    projectedPosition: () => results.status().watermark,
    ...calls,
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
