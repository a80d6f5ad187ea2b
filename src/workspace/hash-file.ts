/**
 * Hashes files without following links or holding large ones in memory; and does such work a few at a time.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";

const CHUNK_BYTES = 1024 * 1024;

export interface HashedFile {
  sha256: string;
  size: number;
}

export async function hashFile(path: string): Promise<HashedFile> {
  // What was a file a moment ago may be a pipe by now, and to open that would wait for a writer, for ever.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await hashHandle(handle);
  } finally {
    await handle.close();
  }
}

async function hashHandle(handle: FileHandle): Promise<HashedFile> {
  const digest = createHash("sha256");
  const { size: expected } = await handle.stat();
  // One byte more than expected, so that the end of an unchanged file is seen in the first read.
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, expected + 1));
  let size = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    digest.update(buffer.subarray(0, bytesRead));
    size += bytesRead;
    if (bytesRead < buffer.length) break;
  }
  return { sha256: digest.digest("hex"), size };
}

/** Runs `action` over the items, at most `limit` at a time; the first failure ends it. */
export async function eachLimited<T>(
  items: readonly T[],
  limit: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    for (;;) {
      const at = next;
      next += 1;
      const item = items[at];
      if (at >= items.length || item === undefined || failed) return;
      try {
        await action(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, lane));
  const rejected = outcomes.find((outcome) => outcome.status === "rejected");
  if (rejected !== undefined) throw rejected.reason;
}

/** The same over a stream of items: no more are taken from it than are being worked on. */
export async function eachOf<T>(
  items: AsyncIterable<T>,
  limit: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  try {
    for await (const item of items) {
      const work: Promise<void> = action(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(work));
      running.add(work);
      if (running.size >= limit) await Promise.race(running);
      if (failures.length > 0) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}
