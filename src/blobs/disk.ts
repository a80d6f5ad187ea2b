/**
 * The two disk operations whose failure decides what may be acknowledged, behind one seam.
 *
 * Tests count flushes and inject ENOSPC or EIO here; everything else uses real files everywhere.
 * A failed flush is final: the kernel may drop the dirty pages and report success the next time.
 */
import { statfsSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";

export interface DiskIo {
  /** Writes all of `bytes` at `position`. */
  write(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void>;
  /** Makes everything written to the handle durable. */
  sync(handle: FileHandle): Promise<void>;
}

export const realDisk: DiskIo = {
  async write(handle, bytes, position) {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  },
  async sync(handle) {
    await handle.datasync();
  },
};

const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

export function isNoRoom(error: unknown): boolean {
  const code = errnoOf(error);
  return code !== undefined && NO_ROOM.has(code);
}

const NEARLY_FULL_BYTES = 1024 * 1024;

export function isNearlyFull(path: string): boolean {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize < NEARLY_FULL_BYTES;
}

/** A new name is durable only once its directory is. */
export async function syncDirectory(io: DiskIo, path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await io.sync(handle);
  } finally {
    await handle.close();
  }
}
