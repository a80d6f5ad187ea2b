/**
 * An export: the tables as files in a folder of the data directory, for one client to fetch. One at a time,
 * because each holds as much of the disk as the results do. It belongs to whoever asks after it: when nobody
 * has for a minute, it is given up and removed, as it is at a start and at the end.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ExportInput, ExportStatus } from "../protocol/index.ts";
import type { Clock, Logger, Timer } from "../ports/index.ts";
import type { Results } from "../results/index.ts";

export interface ExportsOptions {
  dir: string;
  results: Pick<Results, "export">;
  clock: Clock;
  logger: Logger;
}

/** The log on the same disk must not run out of room because of an export. */
const RESERVE_BYTES = 256 * 1024 * 1024;
const IDLE_MS = 60_000;

interface Current {
  status: ExportStatus;
  ending: AbortController;
  ended: Promise<void>;
  idle: Timer | null;
  /** Files that are being sent. */
  readers: number;
}

export class Exports {
  readonly #options: ExportsOptions;
  #current: Current | null = null;

  constructor(options: ExportsOptions) {
    this.#options = options;
    this.#clean();
  }

  /** @returns null while there is another one */
  start(export_id: string, { format = "parquet", tables }: ExportInput): ExportStatus | null {
    if (this.#current !== null) return null;
    const { dir, results } = this.#options;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const status: ExportStatus = { export_id, state: "running", error: null, report: null };
    const ending = new AbortController();
    const current: Current = { status, ending, ended: Promise.resolve(), idle: null, readers: 0 };
    const request = { dir: this.#folder(export_id), format, reserve_bytes: RESERVE_BYTES };
    const made = results.export({ ...request, ...(tables && { tables }) }, { signal: ending.signal });
    current.ended = made.then(
      (report) => void (current.status = { ...status, state: "done", report }),
      (error: unknown) => void (current.status = { ...status, state: "failed", error: faultOf(error) }),
    );
    this.#current = current;
    this.#rest(current);
    return status;
  }

  status(export_id: string): ExportStatus | null {
    const current = this.#find(export_id);
    if (current !== null) this.#rest(current);
    return current?.status ?? null;
  }

  /** A file of a finished export; it stays until `done` is called. */
  hold(export_id: string, name: string): { path: string; bytes: number; done: () => void } | null {
    const current = this.#find(export_id);
    const found = current?.status.report?.tables.find(({ file }) => file === name);
    if (current === null || found === undefined) return null;
    current.readers += 1;
    this.#rest(current);
    let isHeld = true;
    const done = () => {
      if (isHeld) current.readers -= 1;
      isHeld = false;
      if (this.#current === current) this.#rest(current);
    };
    return { path: join(this.#folder(export_id), found.file), bytes: found.bytes, done };
  }

  /** What runs is ended first. @returns as it was; null when there is none of this id */
  async remove(export_id: string): Promise<ExportStatus | null> {
    const current = this.#find(export_id);
    if (current === null) return null;
    const { status } = current;
    await this.#give(current);
    return status;
  }

  async end(): Promise<void> {
    if (this.#current !== null) await this.#give(this.#current);
  }

  #find(export_id: string): Current | null {
    return this.#current?.status.export_id === export_id ? this.#current : null;
  }

  #folder(export_id: string): string {
    return join(this.#options.dir, export_id);
  }

  /** The minute begins anew. */
  #rest(current: Current): void {
    current.idle?.cancel();
    current.idle = null;
    if (current.readers > 0) return;
    current.idle = this.#options.clock.after(IDLE_MS, () => {
      this.#options.logger.warn("an export was given up: nobody asked for it for a minute");
      void this.#give(current);
    });
  }

  async #give(current: Current): Promise<void> {
    current.idle?.cancel();
    current.ending.abort();
    await current.ended;
    if (this.#current !== current) return;
    current.idle?.cancel();
    this.#clean();
    this.#current = null;
  }

  #clean(): void {
    rmSync(this.#options.dir, { recursive: true, force: true });
  }
}

function faultOf(error: unknown): NonNullable<ExportStatus["error"]> {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "export_failed";
  return { code, message };
}
