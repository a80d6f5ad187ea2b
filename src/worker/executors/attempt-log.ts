/**
 * Carries the output of one attempt to the coordinator while it runs.
 *
 * An append stream: each chunk says where it belongs, so a lost answer costs a repetition and a new
 * coordinator says where to go on. Chunks are gathered for a quarter of a second, or until they are worth a
 * request. What is beyond the limit is dropped, and the log says so itself; its last bytes are kept here all
 * the same, because that is where frameworks print what matters.
 */
import type { Clock, Timer } from "../../ports/index.ts";
import { BulkAborted, BulkRefused } from "../bulk/index.ts";
import type { BulkClient } from "../bulk/index.ts";
import { LogBuffer } from "./log-buffer.ts";

const GATHER_MS = 250;
const SEND_BYTES = 64 * 1024;
const CHUNK_BYTES = 512 * 1024;
const TAIL_BYTES = 64 * 1024;
const MAX_REWINDS = 10;

export interface LogOptions {
  task_id: string;
  attempt: number;
  /** Where the output waits when it is large. */
  path: string;
  limitBytes: number;
  bulk: Pick<BulkClient, "appendLog">;
  clock: Clock;
  /** Ends the sending, with whatever is stored by then. */
  signal: AbortSignal;
}

export interface StoredLog {
  bytes: number;
  isCut: boolean;
  problem: { code: string; message: string } | null;
}

export class AttemptLog {
  readonly #options: LogOptions;
  readonly #buffer: LogBuffer;
  #tail: Buffer = Buffer.alloc(0);
  #isCut = false;
  #stored = 0;
  #rewinds = 0;
  #problem: StoredLog["problem"] = null;
  #timer: Timer | null = null;
  #sending: Promise<void> | null = null;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#buffer = new LogBuffer(options.path);
  }

  write(chunk: Uint8Array): void {
    if (this.#isCut) this.#keepTail(chunk);
    else this.#store(chunk);
    if (this.#unsent() >= SEND_BYTES) this.#send();
    else if (this.#unsent() > 0) this.#timer ??= this.#options.clock.after(GATHER_MS, () => this.#send());
  }

  /** The last output, at most 64 KiB, whatever became of the rest. */
  tail(): string {
    if (this.#isCut) return this.#tail.toString("utf8");
    return this.#buffer.read(Math.max(0, this.#buffer.size - TAIL_BYTES), TAIL_BYTES).toString("utf8");
  }

  /** Resolves when all is stored, or never will be. The log takes nothing afterwards. */
  async finish(): Promise<StoredLog> {
    while (this.#unsent() > 0 && this.#problem === null) {
      this.#send();
      await this.#sending;
    }
    this.#timer?.cancel();
    await this.#sending;
    this.#buffer.close();
    return { bytes: this.#stored, isCut: this.#isCut, problem: this.#problem };
  }

  #unsent(): number {
    return this.#buffer.size - this.#stored;
  }

  #store(chunk: Uint8Array): void {
    const room = this.#options.limitBytes - this.#buffer.size;
    try {
      if (chunk.length <= room) return this.#buffer.append(chunk);
      // The tail begins with what is whole so far: the cut must not be visible in it.
      this.#tail = this.#buffer.read(Math.max(0, this.#buffer.size - TAIL_BYTES), TAIL_BYTES);
      this.#isCut = true;
      this.#keepTail(chunk);
      this.#buffer.append(chunk.subarray(0, room));
      this.#buffer.append(Buffer.from(cutNote(this.#options.limitBytes)));
    } catch (error) {
      this.#isCut = true;
      this.#keepTail(chunk);
      this.#problem ??= {
        code: "log_not_stored",
        message: `the log could not be kept here: ${String(error)}`,
      };
    }
  }

  #keepTail(chunk: Uint8Array): void {
    const both = chunk.length >= TAIL_BYTES ? Buffer.from(chunk) : Buffer.concat([this.#tail, chunk]);
    this.#tail = both.subarray(Math.max(0, both.length - TAIL_BYTES));
  }

  #send(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#sending !== null || this.#problem !== null) return;
    this.#sending = this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  /** A coordinator that has less than another one had is given it again, but not for ever. */
  #checkProgress(size: number, offset: number): void {
    if (size > this.#buffer.size) throw refused("the stored log is longer than what was sent");
    this.#rewinds += size > offset ? 0 : 1;
    if (this.#rewinds > MAX_REWINDS) throw refused("the stored log does not grow");
  }

  async #sendAll(): Promise<void> {
    const { bulk, signal, task_id, attempt } = this.#options;
    try {
      do {
        const place = { task_id, attempt, offset: this.#stored };
        const bytes = this.#buffer.read(this.#stored, CHUNK_BYTES);
        const { size } = await bulk.appendLog(place, bytes, { signal });
        this.#checkProgress(size, place.offset);
        this.#stored = size;
      } while (this.#unsent() >= SEND_BYTES);
    } catch (error) {
      this.#problem = problemOf(error);
    }
  }
}

function refused(detail: string): BulkRefused {
  return new BulkRefused({ code: "log_conflict", status: 200, detail });
}

function problemOf(error: unknown): { code: string; message: string } {
  if (error instanceof BulkAborted)
    return { code: "log_not_stored", message: "the worker stopped before the log was stored" };
  const why = error instanceof BulkRefused ? `${error.code}: ${error.message}` : String(error);
  return { code: "log_not_stored", message: `the log was not stored: ${why}` };
}

function cutNote(limitBytes: number): string {
  const limit =
    limitBytes >= 1024 * 1024 ? `${Math.round(limitBytes / 1024 / 1024)} MiB` : `${limitBytes} bytes`;
  return `\n[testyard: the log is cut here; of one attempt ${limit} are kept]\n`;
}
