/** Where in a log reading begins and ends, and its bytes in pieces small enough for everybody else's turn. */
import type { BlobStore, LogKey } from "../../blobs/index.ts";

const PIECE_BYTES = 256 * 1024;
const NEWLINE = 10;

/** `to` is exclusive. */
export interface Range {
  from: number;
  to: number;
}

export async function* readLog(
  blobs: Pick<BlobStore, "logSize" | "readLog">,
  key: LogKey,
  { from, to }: Range,
): AsyncGenerator<Uint8Array> {
  const end = Math.min(to, blobs.logSize(key));
  for (let at = from; at < end; at += PIECE_BYTES) {
    yield await blobs.readLog(key, { from: at, to: Math.min(end, at + PIECE_BYTES) });
  }
}

/** Where the last `lines` lines begin. What follows the last line end counts as a line. */
export async function startOfTail(
  blobs: Pick<BlobStore, "readLog">,
  key: LogKey,
  { size, lines }: { size: number; lines: number },
): Promise<number> {
  if (lines === 0) return size;
  let left = lines;
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - PIECE_BYTES);
    const bytes = Buffer.from(await blobs.readLog(key, { from, to: end }));
    // A line end as the very last byte ends the last line and begins none.
    let at = end === size ? bytes.length - 1 : bytes.length;
    while (at > 0) {
      at = bytes.lastIndexOf(NEWLINE, at - 1);
      if (at < 0) break;
      left -= 1;
      if (left === 0) return from + at + 1;
    }
    end = from;
  }
  return 0;
}
