/**
 * The folder of pack files: names, creation, and a bounded set of open handles for reading.
 */
import { constants } from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, syncDirectory } from "./disk.ts";
import type { DiskIo } from "./disk.ts";
import { FILE_HEADER_BYTES, newFileHeader, saltOf } from "./pack-format.ts";

const MAX_OPEN = 64;

export interface NewPack {
  number: number;
  handle: FileHandle;
  salt: Buffer;
  path: string;
}

interface OpenPack {
  handle: Promise<FileHandle>;
  users: number;
}

export class PackFiles {
  readonly dir: string;
  private readonly io: DiskIo;
  private readonly openPacks = new Map<number, OpenPack>();
  constructor(dir: string, io: DiskIo) {
    this.dir = dir;
    this.io = io;
  }

  pathOf(pack: number): string {
    return join(this.dir, `${String(pack).padStart(6, "0")}.pack`);
  }

  async list(): Promise<number[]> {
    await mkdir(this.dir, { recursive: true });
    const names = await readdir(this.dir);
    const numbers = names.flatMap((name) => /^(\d{6,9})\.pack$/.exec(name)?.[1] ?? []).map(Number);
    return numbers.toSorted((a, b) => a - b);
  }

  /**
   * A pack belongs to the process that created it: creation is exclusive, so two processes never share one.
   */
  async create(atLeast: number): Promise<NewPack> {
    for (let number = atLeast; ; number += 1) {
      const path = this.pathOf(number);
      const handle = await this.openNew(path);
      if (handle === null) continue;
      try {
        const header = newFileHeader();
        await this.io.write(handle, header, 0);
        await this.io.sync(handle);
        await syncDirectory(this.io, this.dir);
        return { number, handle, salt: header.subarray(8), path };
      } catch (error) {
        await handle.close().catch(() => undefined);
        // Nobody else can have it, and a full disk must not fill with the beginnings of packs.
        await rm(path, { force: true }).catch(() => undefined);
        throw error;
      }
    }
  }

  private async openNew(path: string): Promise<FileHandle | null> {
    try {
      return await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
    } catch (error) {
      if (errnoOf(error) === "EEXIST") return null;
      throw error;
    }
  }

  async saltOf(pack: number): Promise<Buffer | null> {
    return saltOf(await this.read(pack, 0, FILE_HEADER_BYTES));
  }

  /** Up to `length` bytes; fewer at the end of the file. */
  async read(pack: number, offset: number, length: number): Promise<Buffer> {
    return this.use(pack, async (handle) => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await handle.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    });
  }

  async use<T>(pack: number, action: (handle: FileHandle) => Promise<T>): Promise<T> {
    const entry = this.openPacks.get(pack) ?? { handle: open(this.pathOf(pack), "r"), users: 0 };
    // Re-inserting keeps the map in order of last use.
    this.openPacks.delete(pack);
    this.openPacks.set(pack, entry);
    entry.users += 1;
    try {
      return await action(await entry.handle);
    } catch (error) {
      if (this.openPacks.get(pack) === entry && entry.users === 1) this.forget(pack, entry);
      throw error;
    } finally {
      entry.users -= 1;
      if (entry.users === 0 && this.openPacks.get(pack) !== entry) this.forget(pack, entry);
      this.closeIdle();
    }
  }

  /** Whoever reads it now reads on. */
  async remove(pack: number): Promise<void> {
    await rm(this.pathOf(pack), { force: true });
    await syncDirectory(this.io, this.dir);
    const entry = this.openPacks.get(pack);
    if (entry === undefined) return;
    this.openPacks.delete(pack);
    if (entry.users === 0) this.forget(pack, entry);
  }

  private closeIdle(): void {
    for (const [pack, entry] of this.openPacks) {
      if (this.openPacks.size <= MAX_OPEN) return;
      if (entry.users === 0) this.forget(pack, entry);
    }
  }

  private forget(pack: number, entry: OpenPack): void {
    if (this.openPacks.get(pack) === entry) this.openPacks.delete(pack);
    entry.handle.then((handle) => handle.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    const entries = [...this.openPacks.values()];
    this.openPacks.clear();
    await Promise.allSettled(entries.map(async (entry) => (await entry.handle).close()));
  }
}
