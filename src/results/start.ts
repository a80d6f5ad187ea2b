/**
 * Results behind a process border. The parent's share is small: it says how far the log is committed, hands
 * over blobs, passes queries on, and starts the process again, with growing pauses, when it ends.
 *
 * At the start a file that cannot be used is an error for a person to act on. Later it is not: the log keeps
 * everything, so the coordinator goes on without results, says so in its status, and tries again.
 */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Logger, silentLogger } from "../ports/index.ts";
import { ExportFailed, messageOf, ResultsRefused, ResultsUnavailable, SqlRefused } from "./errors.ts";
import type { ExportReport, ExportRequest } from "./export.ts";
import {
  createPending,
  type FromProcess,
  type PendingAnswers,
  type StartOptions,
  type ToProcess,
} from "./ipc.ts";
import type { ReadBlob } from "./projection.ts";
import type { QueryAnswer } from "./queries.ts";
import { type FreshResults, rebuild, type RebuildReport } from "./rebuild.ts";
import { createProgress, type Progress, type Results, type ResultsStatus } from "./results.ts";
import type { Asking, SqlAnswer, SqlRequest } from "./sql.ts";

export interface StartResultsOptions {
  /** Folder of the LMDB log, which must exist. */
  logDir: string;
  dbPath: string;
  clusterId: string;
  readBlob: ReadBlob;
  logger?: Logger;
  queryTimeoutMs?: number;
  /** The one folder that an export may be written to. */
  exportDir?: string;
  /** The process has ended and will be started again. */
  onDown?: (reason: string) => void;
  /** The program to start; by default the one beside this file in a build. */
  processPath?: string;
}

export interface StartedResults extends Results {
  /**
   * A new file from the log, in the place of the one that is there. Until it resolves there are no results;
   * when it rejects, the old file is back.
   */
  rebuild(): Promise<RebuildReport>;
  /** Of the process as it is now; null while none is there. */
  pid(): number | null;
}

const QUERY_TIMEOUT_MS = 10_000;
/** Beyond the process's own limit: then it does not answer at all. */
const ANSWER_GRACE_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** SQL waits its turn, behind eight others at the most. */
const SQL_PATIENCE_MS = 100_000;
const EXPORT_PATIENCE_MS = 6 * 3_600_000;
const CLOSE_PATIENCE_MS = 10_000;
const STDERR_KEPT = 4_000;

/** Resolves once the process has the file open. Rejects with ResultsRefused; then nothing is left running. */
export async function startResults(options: StartResultsOptions): Promise<StartedResults> {
  const supervisor = new Supervisor(options);
  await supervisor.start();
  return supervisor;
}

class Supervisor implements StartedResults {
  readonly #options: StartResultsOptions;
  readonly #logger: Logger;
  readonly #progress: Progress = createProgress(0);
  readonly #answers: PendingAnswers<unknown> = createPending();
  #child: ChildProcess | null = null;
  #state: "starting" | "ready" | "down" | "closed" = "starting";
  #first: { resolve(): void; reject(error: Error): void } | null = null;
  /** How far the log is committed, and how far the process has been told. */
  #target = 0;
  #told = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #restart: NodeJS.Timeout | undefined;
  /** What the process said before it ended. */
  #lastWords = "";
  #refusal: ResultsRefused | null = null;
  #rebuild: Promise<RebuildReport> | null = null;
  /** The file that a rebuild fills. */
  #fresh: StartedResults | null = null;

  constructor(options: StartResultsOptions) {
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#first = { resolve, reject };
      this.#spawn();
    });
  }

  status(): ResultsStatus {
    return this.#progress.status();
  }

  reached(position: number): Promise<void> {
    return this.#progress.reached(position);
  }

  onWatermark(call: (position: number) => void): () => void {
    return this.#progress.onWatermark(call);
  }

  pid(): number | null {
    return this.#child?.pid ?? null;
  }

  poke(position: number): void {
    if (position <= this.#target) return;
    this.#target = position;
    this.#tell();
  }

  /** One message at a time: the next goes out when the process has done what it was told. */
  #tell(): void {
    const isBusy = this.#told > this.#progress.status().watermark;
    if (this.#state !== "ready" || isBusy || this.#target <= this.#told) return;
    this.#told = this.#target;
    this.#send({ kind: "poke", position: this.#target });
  }

  query: Results["query"] = (name, params) => {
    const { queryTimeoutMs = QUERY_TIMEOUT_MS } = this.#options;
    const patienceMs = queryTimeoutMs + ANSWER_GRACE_MS;
    const answer = this.#ask((id) => ({ kind: "query", id, name, params }), { patienceMs });
    return answer as Promise<QueryAnswer<typeof name>>;
  };

  sql(request: SqlRequest, asking: Asking = {}): Promise<SqlAnswer> {
    const asked = this.#ask((id) => ({ kind: "sql", id, request }), {
      patienceMs: SQL_PATIENCE_MS,
      ...asking,
    });
    return asked as Promise<SqlAnswer>;
  }

  export(request: ExportRequest, asking: Asking = {}): Promise<ExportReport> {
    const asked = this.#ask((id) => ({ kind: "export", id, request }), {
      patienceMs: EXPORT_PATIENCE_MS,
      ...asking,
    });
    return asked as Promise<ExportReport>;
  }

  async #ask(
    make: (id: number) => ToProcess,
    { patienceMs, signal }: Asking & { patienceMs: number },
  ): Promise<unknown> {
    if (this.#state !== "ready") throw this.#unavailable();
    let abandon = () => {};
    const answer = this.#answers.ask((id) => {
      this.#send(make(id));
      abandon = () => this.#send({ kind: "abandon", id });
      const late = () =>
        this.#answers.take(id)?.reject(new ResultsUnavailable("the results process does not answer"));
      setTimeout(late, patienceMs).unref();
    });
    signal?.addEventListener("abort", abandon);
    if (signal?.aborted === true) abandon();
    try {
      return await answer;
    } finally {
      signal?.removeEventListener("abort", abandon);
    }
  }

  #unavailable(): ResultsUnavailable {
    const { failed } = this.#progress.status();
    return new ResultsUnavailable(
      failed === null ? "the results are not open" : `no results for now: ${failed}`,
    );
  }

  #spawn(): void {
    this.#state = "starting";
    this.#lastWords = "";
    const program =
      this.#options.processPath ?? fileURLToPath(new URL("./results-process.js", import.meta.url));
    // execArgv: a debugger or a loader of the parent is not the child's.
    const child = fork(program, [], {
      serialization: "advanced",
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    let stderr = "";
    child.stderr?.on("data", (text: Buffer) => {
      stderr = (stderr + text.toString()).slice(-STDERR_KEPT);
    });
    child.on("message", (message: FromProcess) => this.#onMessage(message));
    child.on("error", (error) => {
      this.#lastWords ||= messageOf(error);
    });
    child.once("close", (code, signal) => {
      if (stderr !== "") this.#logger.warn("results process said", { stderr });
      this.#onEnd(this.#lastWords || `the results process ended (${signal ?? `exit ${code}`})`);
    });
    this.#send({ kind: "start", options: this.#startOptions() });
  }

  #startOptions(): StartOptions {
    const { logDir, dbPath, clusterId, queryTimeoutMs = QUERY_TIMEOUT_MS, exportDir = null } = this.#options;
    return {
      log_dir: logDir,
      db_path: dbPath,
      cluster_id: clusterId,
      query_timeout_ms: queryTimeoutMs,
      export_dir: exportDir,
    };
  }

  #send(message: ToProcess): void {
    // A process that is going away is noticed by its end, not by a failed send.
    if (this.#child?.connected) this.#child.send(message, () => {});
  }

  #onMessage(message: FromProcess): void {
    switch (message.kind) {
      case "ready":
        return this.#onReady(message.watermark);
      case "refused":
        this.#lastWords = message.message;
        this.#refusal = new ResultsRefused(message.code, message.message, message.details);
        return;
      case "failed":
        this.#lastWords = message.message;
        return;
      case "watermark":
        this.#pauseMs = FIRST_PAUSE_MS;
        this.#progress.moveTo(message.position);
        return this.#tell();
      case "answer":
        return this.#answers.take(message.id)?.resolve(message.value);
      case "unavailable":
        return this.#answers.take(message.id)?.reject(new ResultsUnavailable(message.message));
      case "query_failed":
        return this.#answers.take(message.id)?.reject(new Error(message.message));
      case "sql_refused":
        // It may end over that, as it should: that it does so often says nothing of its health.
        if (message.code === "sql_timeout" || message.code === "sql_memory") this.#pauseMs = FIRST_PAUSE_MS;
        return this.#answers.take(message.id)?.reject(new SqlRefused(message.code, message.message));
      case "export_failed":
        return this.#answers.take(message.id)?.reject(new ExportFailed(message.code, message.message));
      case "read_blob":
        return void this.#readBlob(message);
    }
  }

  #onReady(watermark: number): void {
    if (this.#state === "closed") return;
    this.#state = "ready";
    this.#told = watermark;
    this.#progress.moveTo(watermark);
    this.#first?.resolve();
    this.#first = null;
    this.#tell();
  }

  async #readBlob({ id, hash }: { id: number; hash: string }): Promise<void> {
    try {
      this.#send({ kind: "blob", id, bytes: await this.#options.readBlob(hash) });
    } catch (error) {
      this.#send({ kind: "blob_failed", id, message: messageOf(error) });
    }
  }

  #onEnd(reason: string): void {
    this.#child = null;
    this.#answers.rejectAll(() => new ResultsUnavailable(reason));
    if (this.#first !== null) {
      const path = this.#options.dbPath;
      this.#first.reject(this.#refusal ?? new ResultsRefused("results_unopenable", reason, { path }));
      this.#first = null;
      this.#state = "closed";
    }
    if (this.#state === "closed") return;
    if (this.#rebuild !== null) return;
    this.#state = "down";
    this.#options.onDown?.(reason);
    this.#progress.fail(reason);
    this.#logger.error("results are not available", { reason, retry_in_ms: this.#pauseMs });
    this.#restart = setTimeout(() => this.#spawn(), this.#pauseMs);
    this.#restart.unref();
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  rebuild(): Promise<RebuildReport> {
    this.#rebuild ??= this.#rebuildNow().finally(() => {
      this.#rebuild = null;
      this.#fresh = null;
      if (this.#state === "closed") return;
      this.#spawn();
    });
    return this.#rebuild;
  }

  async #rebuildNow(): Promise<RebuildReport> {
    if (this.#state === "closed") throw this.#unavailable();
    const before = await this.query("digests", undefined).catch(() => null);
    // To where the old file is: then the two can be compared. The rest follows as it always does.
    const position = before?.watermark ?? this.#target;
    this.#state = "down";
    this.#progress.fail("they are being made anew from the log");
    await this.#stop();
    const { dbPath } = this.#options;
    return rebuild({ dbPath, position, before, open: (path) => this.#openFresh(path) });
  }

  async #openFresh(path: string): Promise<FreshResults> {
    let onDown: (reason: string) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      onDown = (reason) => reject(new ResultsUnavailable(reason));
    });
    failed.catch(() => {});
    const results = await startResults({ ...this.#options, dbPath: path, onDown });
    this.#fresh = results;
    if (this.#state === "closed") await results.close();
    return { results, failed };
  }

  async close(): Promise<void> {
    this.#state = "closed";
    this.#progress.end();
    await this.#fresh?.close();
    await this.#rebuild?.catch(() => {});
    await this.#stop();
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    clearTimeout(this.#restart);
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    this.#send({ kind: "close" });
    const impatience = setTimeout(() => child.kill("SIGKILL"), CLOSE_PATIENCE_MS);
    await ended;
    clearTimeout(impatience);
  }
}
