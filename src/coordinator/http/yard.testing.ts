/**
 * A whole yard for tests of the API, without sockets: memory log, real blob store, real results in memory.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance } from "fastify";
import { openBlobStore } from "../../blobs/index.ts";
import { createState, type AttemptResult, type Capabilities } from "../../core/index.ts";
import { createMemoryLog, GENESIS, type EventLog } from "../../log/index.ts";
import { createClock, createRandom } from "../../platform/index.ts";
import type { ResultDocument } from "../../protocol/index.ts";
import { silentLogger } from "../../ports/index.ts";
import { openLocalResults } from "../../results/index.ts";
import { Automation, type AutomationOptions } from "../automation.ts";
import { Coordinator } from "../coordinator.ts";
import { Exports } from "../exports.ts";
import { FeedHub } from "../feed.ts";
import type { Committed } from "../loop.ts";
import { EventMetrics } from "../metrics/index.ts";
import { RebuildJob } from "../rebuild-job.ts";
import { DEFAULT_SETTINGS, type CoordinatorSettings } from "../settings.ts";
import { TaskSignals } from "../task-signals.ts";
import { scheduledSubmission } from "../schedules/index.ts";
import { createApp } from "./app.ts";
import type { HttpContext } from "./context.ts";

export const KEY = "5a".repeat(32);
const CLUSTER = "c".repeat(32);
const IDENTITY = {
  coordinator_id: "c1",
  incarnation: "1",
  host: "here",
  pid: process.pid,
  pid_started: "now",
};

export interface Yard {
  app: FastifyInstance;
  context: HttpContext;
  coordinator: Coordinator;
  log: EventLog;
  /** Defects that were reported as the end of the process. */
  fatal: unknown[];
  closing: AbortController;
  close(): Promise<void>;
}

/** Sends no webhook: the receiver never takes one, and nothing is started. */
function automationFor(
  parts: Pick<AutomationOptions, "loop" | "clock" | "logger">,
  context: () => HttpContext,
): Automation {
  return new Automation({
    ...parts,
    webhooks: {
      policy: { hosts: ["hooks.example.com"], privateHosts: [] },
      resolver: { addresses: async () => [] },
      poster: { post: async () => ({ status: 500 }) },
    },
    webhookSecret: "",
    yardUrl: () => "http://127.0.0.1:80",
    submission: (schedule) => scheduledSubmission(context(), schedule),
  });
}

async function resultsFor(dir: string, { log, blobs }: Pick<HttpContext, "log" | "blobs">) {
  const readBlob = async (hash: string) => (blobs.has(hash) ? blobs.get(hash) : null);
  const exportDir = join(dir, "exports");
  const options = { log, dbPath: ":memory:", clusterId: CLUSTER, readBlob, exportDir };
  const results = await openLocalResults(options);
  const [clock, logger] = [createClock(), silentLogger];
  return { results, exports: new Exports({ dir: exportDir, results, clock, logger }) };
}

export async function openYard(settings: Partial<CoordinatorSettings> = {}): Promise<Yard> {
  const dir = await mkdtemp(join(tmpdir(), "testyard-http-"));
  const log = createMemoryLog();
  const [clock, random, logger] = [createClock(), createRandom(), silentLogger];
  const blobs = await openBlobStore({ dir: join(dir, "blobs") });
  const { results, exports } = await resultsFor(dir, { log, blobs });
  const calls: ((committed: Committed) => void)[] = [({ position }) => results.poke(position)];
  const fatal: unknown[] = [];
  const metrics = new EventMetrics();
  const closing = new AbortController();
  const coordinator = new Coordinator({
    state: createState(),
    tip: GENESIS,
    log,
    clusterId: CLUSTER,
    clock,
    random,
    logger,
    identity: IDENTITY,
    secret: new Uint8Array(Buffer.from(KEY, "hex")),
    settings: { ...DEFAULT_SETTINGS, ...settings },
    hash: () => "0".repeat(64),
    projectedPosition: () => results.status().watermark,
    onAppended: (append) => metrics.appended(append),
    onCommitted: (committed) => calls.forEach((call) => call(committed)),
    onEnded: (error) => fatal.push(error),
  });
  const { loop } = coordinator;
  const committedPosition = () => loop.committedPosition;
  const feed = new FeedHub({ log, clock, state: () => loop.state, committedPosition });
  const automation = automationFor({ loop, clock, logger }, () => context);
  const signals = new TaskSignals();
  calls.push(
    (committed) => feed.committed(committed),
    ({ events }) => signals.committed(events),
    (committed) => metrics.committed(committed, loop.state),
  );
  const context: HttpContext = {
    coordinator,
    automation,
    feed,
    signals,
    log,
    blobs,
    results,
    exports,
    rebuild: new RebuildJob(async () => ({ watermark: 0, tables: {}, differing: null })),
    clock,
    random,
    logger,
    metrics,
    clientKey: KEY,
    dataDir: dir,
    clusterId: CLUSTER,
    coordinatorId: "c1",
    version: "0.0.0",
    startedAt: clock.monotonic(),
    logSince: clock.now(),
    port: () => 80,
    closing: closing.signal,
    fatal: (error) => fatal.push(error),
  };
  await coordinator.start();
  const app = createApp(context);
  const close = async () => {
    await shut({ app, context, closing });
    await rm(dir, { recursive: true, force: true });
  };
  return { app, context, coordinator, log, fatal, closing, close };
}

async function shut({ app, context, closing }: Pick<Yard, "app" | "context" | "closing">): Promise<void> {
  closing.abort();
  context.coordinator.stop();
  await context.exports.end();
  await app.close();
  for (const part of [context.results, context.blobs, context.log]) await part.close();
}

export const AUTHORIZED = { authorization: `Bearer ${KEY}` };

export function post(yard: Yard, url: string, payload: unknown, headers: Record<string, string> = {}) {
  const sent = { "content-type": "application/json", ...AUTHORIZED, ...headers };
  const body = typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  return yard.app.inject({ method: "POST", url, headers: sent, payload: body });
}

export const CAPABILITIES: Capabilities = {
  hostname: "here",
  os: "linux",
  os_version: "1",
  arch: "x64",
  memory_mb: 8_192,
  gpus: [],
  hardware: ["cpu"],
  cpu: { model: "cpu", physical_cores: 2, logical_cores: 4 },
  browsers: {},
  runtimes: {},
};

const INCARNATION = "w1/1";

/** A worker without a connection: it holds what the tests assign to it. */
export function registerWorker({ coordinator }: Yard, worker_id = "w1"): void {
  coordinator.loop.execute({
    type: "register_worker",
    worker_id,
    incarnation: INCARNATION,
    slots: 8,
    labels: {},
    capabilities: CAPABILITIES,
    hw_class: "hw1-0",
    inventory: [],
  });
}

export function startTask({ coordinator }: Yard, task_id: string, worker_id = "w1"): void {
  const { loop } = coordinator;
  loop.execute({ type: "assign_task", task_id, worker_id });
  const attempt = loop.state.tasks.get(task_id)?.attempts ?? 0;
  loop.execute({ type: "start_attempt", task_id, attempt, worker_id, incarnation: INCARNATION });
}

export function finishTask(yard: Yard, task_id: string, document: string | null = null): void {
  const counts = { passed: 1, failed: 0, skipped: 0, error: 0 };
  endAttempt(yard, task_id, { outcome: "passed", exit_code: 0, counts, document });
}

export function failTask(yard: Yard, task_id: string, document: string | null = null): void {
  const cases = document === null ? [] : (JSON.parse(document) as ResultDocument).cases;
  const counts = { passed: 0, failed: 0, skipped: 0, error: 0 };
  for (const { outcome } of cases) counts[outcome] += 1;
  endAttempt(yard, task_id, { outcome: "failed", exit_code: 1, counts, document });
}

type Ending = Pick<AttemptResult, "outcome" | "exit_code" | "counts" | "document">;

function endAttempt({ coordinator }: Yard, task_id: string, ending: Ending): void {
  const { loop } = coordinator;
  const attempt = loop.state.tasks.get(task_id)?.attempts ?? 0;
  const times = { started_at: loop.now, duration_ms: 5 };
  const nothing = { signal: null, usage: null, log_bytes: 0, error: null };
  const result: AttemptResult = { ...ending, ...times, ...nothing };
  const holder = { worker_id: "w1", incarnation: INCARNATION };
  loop.execute({ type: "finish_attempt", task_id, attempt, ...holder, result });
}

/** Whoever asks the results next finds everything that is decided by now. */
export async function settled({ coordinator, context }: Yard): Promise<void> {
  await coordinator.loop.committed();
  await context.results.reached(coordinator.loop.committedPosition);
}

export async function forgetTasks(yard: Yard, ...task_ids: string[]): Promise<void> {
  await settled(yard);
  yard.coordinator.loop.execute({ type: "forget_tasks", task_ids });
  await yard.coordinator.loop.committed();
}
