/** For tests: an executor on real processes and real HTTP, in a temporary folder. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { AttemptResult, Gpu } from "../../core/index.ts";
import { createClock, createRandom, startProcess } from "../../platform/index.ts";
import type { Assignment, ResultDocument, TaskPayload } from "../../protocol/index.ts";
import type { WorkspaceCache } from "../../workspace/index.ts";
import { createBulkClient } from "../bulk/index.ts";
import type { BulkClient } from "../bulk/index.ts";
import { bulkServer } from "../bulk/bulk-server.testing.ts";
import type { BulkServer } from "../bulk/bulk-server.testing.ts";
import type { Executor, RunningAttempt } from "../executor.ts";
import { createProcessExecutor } from "./process-executor.ts";

export interface Bench {
  executor: Executor;
  server: BulkServer;
  bulk: BulkClient;
  workDir: string;
  /** Starts an attempt; `up` resolves once its process runs. */
  start: (
    payload: Partial<TaskPayload> | string,
    more?: Partial<Assignment>,
  ) => RunningAttempt & { up: Promise<void>; log: () => string };
  run: (
    payload: Partial<TaskPayload> | string,
    more?: Partial<Assignment>,
  ) => Promise<AttemptResult & { log: string }>;
}

export interface BenchOptions {
  graceMs?: number;
  logLimitBytes?: number;
  env?: NodeJS.ProcessEnv;
  gpus?: readonly Gpu[];
  cache?: Pick<WorkspaceCache, "prepare">;
}

export const noCache: Pick<WorkspaceCache, "prepare"> = {
  prepare: () => Promise.reject(new Error("no workspace is expected here")),
};

/** A workspace cache with one tree, which is simply there. */
export function folderAsWorkspace(
  files: Record<string, string>,
): Pick<WorkspaceCache, "prepare"> & { released: number; dir: string } {
  const dir = temporaryDir();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content, { mode: 0o755 });
  }
  const self = {
    dir,
    released: 0,
    prepare: () =>
      Promise.resolve({ dir, fetchedBytes: 0, reused: true, release: () => void (self.released += 1) }),
  };
  return self;
}

export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "testyard-executor-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export const TREE = "a".repeat(64);
let tasks = 0;

export async function bench(options: BenchOptions = {}): Promise<Bench> {
  const server = await bulkServer();
  const clock = createClock();
  const random = { ...createRandom(), unit: () => 0.01 };
  const bulk = createBulkClient({ urls: [server.url], key: "key", clock, random });
  const workDir = temporaryDir();
  const executor = createProcessExecutor({
    workDir,
    cache: options.cache ?? noCache,
    bulk,
    clock,
    graceMs: options.graceMs ?? 200,
    env: options.env ?? process.env,
    logLimitBytes: options.logLimitBytes ?? 64 * 1024 * 1024,
    workerId: "w-1",
    gpus: options.gpus ?? [],
    start: startProcess,
  });
  onTestFinished(async () => {
    await executor.close();
    bulk.close();
  });
  const start: Bench["start"] = (payload, more = {}) => {
    const assignment = assignmentOf(payload, more);
    let isUp: () => void = () => {};
    const up = new Promise<void>((resolve) => {
      isUp = resolve;
    });
    const attempt = executor.start(assignment, isUp);
    const log = () => server.logs.get(`${assignment.task_id}.${assignment.attempt}`)?.toString("utf8") ?? "";
    return { done: attempt.done, cancel: (reason) => attempt.cancel(reason), up, log };
  };
  const run: Bench["run"] = async (payload, more) => {
    const attempt = start(payload, more);
    return { ...(await attempt.done), log: attempt.log() };
  };
  return { executor, server, bulk, workDir, start, run };
}

function assignmentOf(payload: Partial<TaskPayload> | string, more: Partial<Assignment>): Assignment {
  tasks += 1;
  return {
    task_id: `T${tasks}`,
    attempt: 1,
    run_id: "R1",
    project: "default",
    name: "a task",
    type: "command",
    slot: 0,
    gpus: [],
    timeout_ms: 60_000,
    payload: typeof payload === "string" ? payload : JSON.stringify({ config: {}, ...payload }),
    on_partition: "finish",
    ...more,
  };
}

export function documentIn(result: AttemptResult, server?: BulkServer): ResultDocument {
  const { document } = result;
  const text =
    typeof document === "string" ? document : server?.blobs.get(document?.blob ?? "")?.toString("utf8");
  return JSON.parse(text ?? "null") as ResultDocument;
}
