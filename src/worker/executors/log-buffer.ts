/**
 * The output of one attempt on this machine, from its first byte to its last, until all of it is stored.
 *
 * Most attempts print little and never touch the disk; one that prints much, or prints while no coordinator
 * takes it, goes to a file. Writes are synchronous: they go to the page cache, bound the memory without
 * slowing the pipe down by promises, and keep the order without a queue.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";

const MEMORY_BYTES = 256 * 1024;

export class LogBuffer {
  readonly #path: string;
  #memory: Uint8Array[] = [];
  #file: number | null = null;
  #size = 0;

  /** @param path of a file that is made when it is needed */
  constructor(path: string) {
    this.#path = path;
  }

  get size(): number {
    return this.#size;
  }

  /** @throws when the disk takes nothing more */
  append(chunk: Uint8Array): void {
    if (this.#file === null && this.#size + chunk.length > MEMORY_BYTES) this.#spill();
    if (this.#file === null) this.#memory.push(chunk);
    else writeAll(this.#file, chunk, this.#size);
    this.#size += chunk.length;
  }

  read(offset: number, limit: number): Buffer {
    const length = Math.max(0, Math.min(limit, this.#size - offset));
    if (this.#file === null) return this.#joined().subarray(offset, offset + length);
    const bytes = Buffer.alloc(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#file, bytes, done, length - done, offset + done);
      if (count === 0) throw new Error(`${this.#path} is shorter than what was written to it`);
      done += count;
    }
    return bytes;
  }

  close(): void {
    this.#memory = [];
    if (this.#file === null) return;
    closeSync(this.#file);
    unlinkSync(this.#path);
    this.#file = null;
    this.#size = 0;
  }

  #joined(): Buffer {
    if (this.#memory.length > 1) this.#memory = [Buffer.concat(this.#memory)];
    const [all] = this.#memory;
    return all === undefined ? Buffer.alloc(0) : Buffer.from(all.buffer, all.byteOffset, all.length);
  }

  #spill(): void {
    const file = openSync(this.#path, "w+", 0o600);
    writeAll(file, this.#joined(), 0);
    [this.#file, this.#memory] = [file, []];
  }
}

function writeAll(file: number, bytes: Uint8Array, at: number): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done, at + done);
}
