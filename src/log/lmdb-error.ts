/**
 * What a failed commit means.
 *
 * LMDB reports a write that was cut short by a full disk as an input/output error, the same as a broken disk,
 * so the room left decides. The difference matters: after a full disk the transaction is gone and the handle
 * goes on; after a broken flush nothing that the system says about the file can be believed.
 */
import { statfsSync } from "node:fs";
import { DiskFull, LogFailed } from "./errors.ts";
import { MAX_RECORD_BYTES } from "./record.ts";

const ENOSPC = 28;
const EDQUOT = 122;
const EIO = 5;
const MAP_FULL = -30792;

/** Less room than this: the largest record, twice, for the pages of the tree around it. */
const LITTLE_ROOM_BYTES = 2 * MAX_RECORD_BYTES;

/** @param error what the transaction rejected with */
export async function commitError(
  error: unknown,
  where: { dir: string; position: number },
): Promise<DiskFull | LogFailed> {
  const cause = await underlying(error);
  const code = (cause as { code?: unknown }).code;
  const isFull =
    code === ENOSPC || code === EDQUOT || code === MAP_FULL || (code === EIO && hasLittleRoom(where.dir));
  if (isFull) return new DiskFull(where.position, cause);
  return new LogFailed(`the log could not be written: ${(cause as Error).message}`, cause);
}

/** The reason is a promise on the error, which rejects, and unhandled when nobody asks. */
async function underlying(error: unknown): Promise<unknown> {
  const { commitError: reason } = error as { commitError?: Promise<unknown> };
  if (reason === undefined) return error;
  return reason.then(
    () => error,
    (cause: unknown) => cause,
  );
}

function hasLittleRoom(dir: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize < LITTLE_ROOM_BYTES;
  } catch {
    return false;
  }
}
