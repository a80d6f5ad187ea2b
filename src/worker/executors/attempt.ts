/**
 * One attempt from its assignment to its result.
 *
 *     payload → plan → workspace → command → process → cases → log and document stored → result
 *
 * Whatever happens on the way is an outcome, never an exception. A cancel or the end of the time may come at
 * any point: before the process it stops the preparation, while it runs it ends the tree, and after it
 * nothing is left to stop. The result waits until the coordinator holds the log and the document, because
 * whoever sees a result may ask for both.
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { STDOUT_FILE } from "../../adapters/index.ts";
import type { ProcessExit, RunProcess, SuiteResult } from "../../adapters/index.ts";
import type { AttemptOutcome, AttemptResult, Gpu } from "../../core/index.ts";
import type { Clock } from "../../ports/index.ts";
import { INLINE_DOCUMENT_BYTES } from "../../protocol/index.ts";
import type { Assignment, TaskPayload } from "../../protocol/index.ts";
import type { WorkspaceCache } from "../../workspace/index.ts";
import { BulkAborted } from "../bulk/index.ts";
import type { BulkClient } from "../bulk/index.ts";
import type { RunningAttempt } from "../executor.ts";
import { findFiles } from "./artifact-files.ts";
import { keepArtifacts } from "./artifacts.ts";
import type { KeepOptions, KeptArtifacts } from "./artifacts.ts";
import { AttemptLog } from "./attempt-log.ts";
import type { StoredLog } from "./attempt-log.ts";
import { countsOf, documentOf } from "./document.ts";
import { attemptEnvironment } from "./environment.ts";
import { AttemptFailure, failureOf, spawnFailure } from "./failure.ts";
import { readPayload } from "./payload.ts";
import { isGivenCommand, planOf } from "./plan.ts";
import { createRunProcess } from "./processes.ts";
import type { ProcessEnd, RunningProcess, StartProcess } from "./processes.ts";
import { folderIn, openSpace } from "./space.ts";
import type { Space } from "./space.ts";
import { casesOf, prepareRun } from "./suite-run.ts";
import type { SuiteRun } from "./suite-run.ts";

export interface AttemptContext {
  attemptsDir: string;
  cache: Pick<WorkspaceCache, "prepare">;
  bulk: Omit<BulkClient, "setBase" | "close">;
  clock: Clock;
  start: StartProcess;
  graceMs: number;
  logLimitBytes: number;
  workerId: string;
  gpus: readonly Gpu[];
  /** What is taken over from the worker's environment. */
  kept: Readonly<Record<string, string>>;
  keyPrefix: string;
}

type Stop = { kind: "cancelled"; reason: string } | { kind: "timed_out" };

interface Ran {
  end: ProcessEnd;
  suite: SuiteRun;
  result: SuiteResult | null;
  kept: KeptArtifacts;
}

/** What a cancelled attempt may take to deliver its log; nobody waits for its result. */
const CANCELLED_LOG_MS = 5000;
const MESSAGE_CHARS = 2048;
const NOTHING_KEPT: KeptArtifacts = { artifacts: [], problems: [] };

export class Attempt implements RunningAttempt {
  readonly done: Promise<AttemptResult>;
  readonly #context: AttemptContext;
  readonly #assignment: Assignment;
  readonly #onStarted: () => void;
  readonly #home: string;
  readonly #log: AttemptLog;
  /** Ends what prepares the attempt. */
  readonly #preparing = new AbortController();
  /** Ends the delivery of log and document. */
  readonly #delivering = new AbortController();
  readonly #began: { wall: number; monotonic: number };
  #process: RunningProcess | null = null;
  #hasEnded = false;
  #stop: Stop | null = null;
  #runMs: number | null = null;

  constructor(context: AttemptContext, assignment: Assignment, onStarted: () => void) {
    const { task_id, attempt } = assignment;
    const { bulk, clock, logLimitBytes: limitBytes } = context;
    [this.#context, this.#assignment, this.#onStarted] = [context, assignment, onStarted];
    this.#began = { wall: clock.now(), monotonic: clock.monotonic() };
    this.#home = join(context.attemptsDir, `${fileName(task_id)}.${attempt}`);
    const path = join(context.attemptsDir, `${fileName(task_id)}.${attempt}.log`);
    this.#log = new AttemptLog({
      task_id,
      attempt,
      path,
      limitBytes,
      bulk,
      clock,
      signal: this.#delivering.signal,
    });
    this.done = this.#carryOut();
  }

  cancel(reason: string): void {
    this.#end({ kind: "cancelled", reason }, this.#context.graceMs);
    if (this.#stop?.kind !== "cancelled") return;
    const { clock, graceMs } = this.#context;
    const timer = clock.after(graceMs + CANCELLED_LOG_MS, () => this.#delivering.abort());
    void this.done.then(() => timer.cancel());
  }

  /** For a worker that stops: the tree gets `graceMs`, and undelivered output is given up. */
  close(graceMs: number): void {
    this.#end({ kind: "cancelled", reason: "the worker stops" }, graceMs);
    this.#delivering.abort();
  }

  #end(stop: Stop, graceMs: number): void {
    // What has ended by itself is not made a cancelled attempt by being cancelled late.
    if (!this.#hasEnded) this.#stop ??= stop;
    this.#preparing.abort();
    this.#process?.kill(graceMs);
  }

  async #carryOut(): Promise<AttemptResult> {
    let space: Space | null = null;
    let ran: Ran | null = null;
    let failure: AttemptFailure | null = null;
    try {
      const payload = await readPayload(this.#assignment.payload, {
        ...this.#context,
        signal: this.#preparing.signal,
      });
      space = await this.#openSpace(payload);
      ran = await this.#run(payload, space);
    } catch (error) {
      failure = failureOf(error);
    }
    const result = await this.#report(ran, failure);
    await space?.release().catch(() => {});
    return result;
  }

  #openSpace(payload: TaskPayload): Promise<Space> {
    const fetcher = this.#context.bulk.fetcher(this.#preparing.signal);
    const workspace = payload.workspace ?? null;
    return openSpace({
      assignment: this.#assignment,
      home: this.#home,
      workspace,
      cache: this.#context.cache,
      fetcher,
    });
  }

  async #run(payload: TaskPayload, space: Space): Promise<Ran> {
    const { clock, start, keyPrefix, workerId, gpus, kept } = this.#context;
    const plan = planOf(this.#assignment.type, payload.config);
    if (plan.kind === "refused") throw new AttemptFailure("failed", plan);
    const root = await folderIn(space.root, plan.folder, { hasWorkspace: payload.workspace !== undefined });
    const env = attemptEnvironment({
      kept,
      task: payload.env ?? {},
      traceparent: payload.traceparent,
      assignment: this.#assignment,
      workerId,
      gpus,
    });
    const run = createRunProcess({ start, clock, env, keyPrefix, signal: this.#preparing.signal });
    const suite = await prepareRun({ plan, root, resultDir: space.resultDir, run, now: () => clock.now() });
    const patterns = payload.artifacts ?? [];
    const before = await findFiles(root, patterns);
    const end = await this.#runProcess(suite, { ...env, ...suite.env });
    const artifacts = await this.#keepArtifacts({ root, patterns, before });
    return { end, suite, kept: artifacts, result: await this.#cases(suite, { end, run }) };
  }

  /** Nobody waits for what a cancelled attempt left. */
  async #keepArtifacts(what: Pick<KeepOptions, "root" | "patterns" | "before">): Promise<KeptArtifacts> {
    if (what.patterns.length === 0 || this.#stop?.kind === "cancelled") return NOTHING_KEPT;
    const { bulk } = this.#context;
    const kept = await keepArtifacts({ ...what, bulk, signal: this.#delivering.signal });
    for (const { code, message } of kept.problems) this.#note(`${code}: ${message}`);
    return kept;
  }

  async #runProcess(suite: SuiteRun, env: Record<string, string>): Promise<ProcessEnd> {
    const { clock, start, keyPrefix, graceMs } = this.#context;
    this.#throwIfStopped();
    const { argv, cwd } = suite;
    const copy = copyOfStdout(suite, this.#context.logLimitBytes);
    const onOutput = (chunk: Uint8Array, stream: "stdout" | "stderr") => {
      this.#log.write(chunk);
      if (stream === "stdout") copy.write(chunk);
    };
    const isUsers = isGivenCommand(suite.adapter?.name ?? null);
    const running = await start({ argv, cwd, env, key: `${keyPrefix}${randomUUID()}`, onOutput }).catch(
      (error: unknown) => {
        throw spawnFailure(error, { argv, cwd, isUsers });
      },
    );
    const began = clock.monotonic();
    this.#process = running;
    if (this.#stop !== null) running.kill(graceMs);
    else this.#onStarted();
    const timer = clock.after(this.#assignment.timeout_ms, () => this.#end({ kind: "timed_out" }, graceMs));
    const end = await running.ended;
    timer.cancel();
    copy.close();
    this.#hasEnded = true;
    this.#runMs = clock.monotonic() - began;
    if (end.leftBehind > 0) this.#note(`ended ${end.leftBehind} process(es) that it left behind`);
    return end;
  }

  #note(text: string): void {
    this.#log.write(Buffer.from(`\n[testyard: ${text}]\n`));
  }

  async #cases(suite: SuiteRun, ran: { end: ProcessEnd; run: RunProcess }): Promise<SuiteResult | null> {
    if (this.#stop?.kind === "cancelled") return null;
    const exit: ProcessExit = {
      code: ran.end.code,
      signal: ran.end.signal,
      timedOut: this.#stop?.kind === "timed_out",
    };
    return await casesOf(suite, { exit, logTail: this.#log.tail(), run: ran.run });
  }

  #throwIfStopped(): void {
    if (this.#stop !== null)
      throw new AttemptFailure("infrastructure", { code: "cancelled", message: "stopped before it ran" });
  }

  async #report(ran: Ran | null, failure: AttemptFailure | null): Promise<AttemptResult> {
    this.#hasEnded = true;
    const [log, stored] = await Promise.all([this.#log.finish(), this.#storeDocument(ran)]);
    const outcome = outcomeOf({ stop: this.#stop, ran, failure });
    const { clock } = this.#context;
    return {
      outcome,
      exit_code: ran?.end.code ?? failure?.exitCode ?? null,
      signal: ran?.end.signal ?? null,
      started_at: this.#began.wall,
      duration_ms: Math.max(0, Math.round(this.#runMs ?? clock.monotonic() - this.#began.monotonic)),
      usage: usageOf(ran),
      counts: ran?.result == null ? null : countsOf(ran.result),
      document: stored.document,
      log_bytes: log.bytes,
      error: shortened(this.#stopError() ?? errorOf({ ran, failure, log, stored })),
    };
  }

  #stopError(): AttemptResult["error"] {
    if (this.#stop?.kind !== "cancelled") return null;
    return { code: "cancelled", message: this.#stop.reason };
  }

  async #storeDocument(ran: Ran | null): Promise<StoredDocument> {
    const artifacts = ran?.kept.artifacts ?? [];
    if (ran === null || (ran.result === null && artifacts.length === 0))
      return { document: null, problem: null };
    const { project } = this.#assignment;
    const { adapter, plan, root } = ran.suite;
    const { folder: suite, variant } = plan;
    const place = { project, framework: adapter?.name ?? "command", suite, variant, root };
    const text = JSON.stringify(documentOf(ran.result, place, artifacts));
    const bytes = Buffer.from(text, "utf8");
    if (bytes.length <= INLINE_DOCUMENT_BYTES) return { document: text, problem: null };
    try {
      return {
        document: { blob: await this.#context.bulk.putBlob(bytes, this.#delivering.signal) },
        problem: null,
      };
    } catch (error) {
      const why = error instanceof BulkAborted ? "the worker stopped first" : failureOf(error).message;
      return {
        document: null,
        problem: { code: "document_not_stored", message: `the cases were not stored: ${why}` },
      };
    }
  }
}

interface StoredDocument {
  document: AttemptResult["document"];
  problem: AttemptResult["error"];
}

function outcomeOf(what: {
  stop: Stop | null;
  ran: Ran | null;
  failure: AttemptFailure | null;
}): AttemptOutcome {
  if (what.stop !== null) return what.stop.kind;
  if (what.failure !== null) return what.failure.outcome;
  if (what.ran === null) return "infrastructure";
  const { end, result } = what.ran;
  // An adapter has weighed the exit already: it adds a case for a bad one that no other case explains.
  if (result === null) return end.code === 0 ? "passed" : "failed";
  return result.cases.some((each) => each.outcome === "failed" || each.outcome === "error")
    ? "failed"
    : "passed";
}

function errorOf(what: {
  ran: Ran | null;
  failure: AttemptFailure | null;
  log: StoredLog;
  stored: StoredDocument;
}): AttemptResult["error"] {
  if (what.failure !== null) return { code: what.failure.code, message: what.failure.message };
  const survivors = what.ran?.end.survivors ?? 0;
  if (survivors > 0)
    return { code: "processes_left", message: `${survivors} process(es) could not be ended` };
  const cut = { code: "log_truncated", message: "the output was longer than what is kept" };
  const { stored, log, ran } = what;
  const problems = [stored.problem, log.problem, log.isCut ? cut : null, ...(ran?.kept.problems ?? [])];
  return inOne(problems.filter((problem) => problem !== null));
}

/** An attempt has one error: the first problem gives the code, the others are told behind it. */
function inOne(problems: { code: string; message: string }[]): AttemptResult["error"] {
  const [first, ...more] = problems;
  if (first === undefined) return null;
  const told = more.map(({ code, message }) => `; ${code}: ${message}`).join("");
  return { code: first.code, message: first.message + told };
}

function shortened(error: AttemptResult["error"]): AttemptResult["error"] {
  return error === null ? null : { code: error.code, message: error.message.slice(0, MESSAGE_CHARS) };
}

function usageOf(ran: Ran | null): AttemptResult["usage"] {
  const usage = ran?.end.usage ?? null;
  return usage === null ? null : { cpu_ms: usage.cpuMs, max_rss_bytes: usage.maxRssBytes };
}

/** TAP is printed, so the adapter needs the whole of the standard output; the others do not pay for it. */
function copyOfStdout(
  suite: SuiteRun,
  limitBytes: number,
): { write: (chunk: Uint8Array) => void; close: () => void } {
  if (suite.adapter?.name !== "tap" || suite.plan.report !== null)
    return { write: () => {}, close: () => {} };
  const file = openSync(join(suite.resultDir, STDOUT_FILE), "w");
  let left = limitBytes;
  const write = (chunk: Uint8Array) => {
    const part = chunk.subarray(0, left);
    left -= part.length;
    try {
      for (let done = 0; done < part.length; ) done += writeSync(file, part, done);
    } catch {
      left = 0; // A full disk: the report then ends early, which its reader sees.
    }
  };
  return { write, close: () => closeSync(file) };
}

/** Task ids are ULIDs; whatever else comes must not lead out of the folder. */
function fileName(id: string): string {
  return id.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 100);
}
