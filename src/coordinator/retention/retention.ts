/**
 * Keeps the blob store from growing for ever: now and then a process of its own plans what may go, and the
 * store, which alone knows what it has told whom, follows the plan in small slices.
 *
 * What fails costs room and nothing else: it is logged, and the next sweep begins anew.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { BlobStore, SweepLine, SweepReport } from "../../blobs/index.ts";
import type { Clock, Logger, Timer } from "../../ports/index.ts";
import type { PlanRequest } from "./plan-process.ts";

export interface RetentionOptions {
  blobs: Pick<BlobStore, "sweep">;
  logDir: string;
  blobDir: string;
  /** 0: everything is kept, and no sweep takes place. */
  retentionMs: number;
  clock: Clock;
  logger: Logger;
  /** The program that plans, when it does not lie where a build puts it. */
  entry?: string;
  graceMs?: number;
  firstMs?: number;
  everyMs?: number;
}

const DAY_MS = 86_400_000;
const GRACE_MS = DAY_MS;
/** After a start there is more urgent work. */
const FIRST_MS = 5 * 60_000;
const EVERY_MS = 3 * 3_600_000;
const COMPLAINT_CHARS = 2_000;

export class Retention {
  readonly #options: RetentionOptions;
  #timer: Timer | null = null;
  #child: ChildProcess | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#options.retentionMs > 0) this.#after(this.#options.firstMs ?? FIRST_MS);
  }

  /** Resolves once no process of ours is left and nothing more is removed. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#timer?.cancel();
    this.#child?.kill("SIGKILL");
    await this.#running;
  }

  #after(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#running = this.#sweepAndTell().then(() => {
        if (!this.#ended) this.#after(this.#options.everyMs ?? EVERY_MS);
      });
    });
  }

  async #sweepAndTell(): Promise<void> {
    const { logger } = this.#options;
    try {
      const report = await this.sweep();
      logger.info("blobs thinned out", { ...report });
    } catch (error) {
      if (!this.#ended) logger.warn("blobs were not thinned out", { reason: String(error) });
    }
  }

  /** @throws when the plan could not be made */
  async sweep(): Promise<SweepReport> {
    const { blobs, blobDir, logDir, clock, retentionMs, graceMs = GRACE_MS } = this.#options;
    const now = clock.now();
    const out = join(blobDir, "tmp", "sweep.jsonl");
    const request: PlanRequest = {
      log_dir: logDir,
      blob_dir: blobDir,
      out,
      cutoff: now - retentionMs,
      now,
      grace_ms: graceMs,
    };
    try {
      await this.#plan(request);
      if (!(await isWhole(out))) throw new Error("the plan is not whole");
      return await blobs.sweep(linesOf(out), { now, graceMs, isOver: () => this.#ended });
    } finally {
      await rm(out, { force: true });
    }
  }

  async #plan(request: PlanRequest): Promise<void> {
    const program = this.#options.entry ?? fileURLToPath(new URL("./plan-process.js", import.meta.url));
    const child = spawn(process.execPath, [program, JSON.stringify(request)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    let complaint = "";
    child.stderr?.on("data", (text: Buffer) => {
      complaint = (complaint + text.toString()).slice(-COMPLAINT_CHARS);
    });
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        this.#child = null;
        if (code === 0) resolve();
        else
          reject(new Error(complaint.trim() || `the planning process ended by ${signal ?? `code ${code}`}`));
      });
    });
  }
}

type PlanLine = SweepLine | { kind: "end" };

async function* planLines(path: string): AsyncGenerator<PlanLine> {
  const input = createReadStream(path);
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    yield JSON.parse(line) as PlanLine;
  }
}

async function* linesOf(path: string): AsyncGenerator<SweepLine> {
  for await (const line of planLines(path)) if (line.kind !== "end") yield line;
}

async function isWhole(path: string): Promise<boolean> {
  let last = "";
  for await (const { kind } of planLines(path)) last = kind;
  return last === "end";
}
