/**
 * Many blobs in one HTTP body: for each 32 bytes of SHA-256, 4 bytes of length (big endian), the bytes. The
 * length 0xffffffff says that the sender does not have the blob. Content type `application/x-testyard-blobs`.
 */
export const BLOB_FRAMES_TYPE = "application/x-testyard-blobs";
export const MAX_BLOB_BATCH_BYTES = 8 * 1024 * 1024;

const HEADER_BYTES = 36;
const ABSENT = 0xffffffff;

export interface BlobFrame {
  /** Hex. */
  sha256: string;
  /** null: the sender does not have it. */
  bytes: Uint8Array | null;
}

export function encodeBlobFrame(frame: BlobFrame): Uint8Array {
  const length = frame.bytes?.length ?? 0;
  const out = new Uint8Array(HEADER_BYTES + length);
  for (let i = 0; i < 32; i++) out[i] = Number.parseInt(frame.sha256.slice(2 * i, 2 * i + 2), 16);
  new DataView(out.buffer).setUint32(32, frame.bytes === null ? ABSENT : length);
  if (frame.bytes !== null) out.set(frame.bytes, HEADER_BYTES);
  return out;
}

/** Takes a body in chunks of any size and gives whole frames. */
export class BlobFrameReader {
  #held: Uint8Array = new Uint8Array(0);
  readonly #limit: number;

  /** @param limit largest blob accepted, in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws RangeError when a frame announces more than the limit. */
  push(chunk: Uint8Array): BlobFrame[] {
    this.#held = joined(this.#held, chunk);
    const frames: BlobFrame[] = [];
    let at = 0;
    while (this.#held.length - at >= HEADER_BYTES) {
      const length = new DataView(this.#held.buffer, this.#held.byteOffset + at + 32, 4).getUint32(0);
      const size = length === ABSENT ? 0 : length;
      if (size > this.#limit)
        throw new RangeError(`a blob of ${size} bytes; at most ${this.#limit} travel in a batch`);
      if (this.#held.length - at < HEADER_BYTES + size) break;
      const body = this.#held.slice(at + HEADER_BYTES, at + HEADER_BYTES + size);
      frames.push({ sha256: hex(this.#held.subarray(at, at + 32)), bytes: length === ABSENT ? null : body });
      at += HEADER_BYTES + size;
    }
    this.#held = this.#held.slice(at);
    return frames;
  }

  /** Bytes of a frame that has not come whole; 0 at a proper end. */
  get pending(): number {
    return this.#held.length;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function hex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
