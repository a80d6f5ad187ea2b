/**
 * The worker's side of the bulk plane: workspaces and payloads come in, logs and result documents go out, by
 * HTTP and beside the control connection, which large bodies would hold up.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import {
  BLOB_FRAMES_TYPE,
  BlobFrameReader,
  encodeBlobFrame,
  MAX_BLOB_BATCH_BYTES,
} from "../../protocol/index.ts";
import type { BlobFetcher } from "../../workspace/index.ts";
import { BulkRefused } from "./errors.ts";
import { BulkRequests } from "./requests.ts";
import type { BulkOptions } from "./requests.ts";

export interface LogPlace {
  task_id: string;
  attempt: number;
  offset: number;
}

/** All calls wait for a coordinator for as long as their signal lets them. */
export interface BulkClient {
  setBase(url: string): void;
  /** Gets what a workspace needs. @throws BulkRefused @throws BulkAborted */
  fetcher(signal: AbortSignal): BlobFetcher;
  /** A whole blob, verified. @throws BulkRefused @throws BulkAborted */
  getBlob(sha256: string, options: { signal: AbortSignal; limitBytes: number }): Promise<Uint8Array>;
  /** @returns its hash, once it is durable. @throws BulkRefused @throws BulkAborted */
  putBlob(bytes: Uint8Array, signal: AbortSignal): Promise<string>;
  /** Those of at most 10,000 that the coordinator does not hold. @throws BulkRefused @throws BulkAborted */
  missing(hashes: readonly string[], signal: AbortSignal): Promise<string[]>;
  /** Small ones, 8 MiB in all at most. @throws BulkRefused @throws BulkAborted */
  putBatch(items: readonly Delivered[], signal: AbortSignal): Promise<void>;
  /**
   * Streams a file, which must still have that hash. @throws BulkRefused @throws BulkAborted
   */
  putFile(sha256: string, path: string, options: { signal: AbortSignal }): Promise<void>;
  /**
   * @returns how long the stored log is now, which is where to go on. @throws BulkRefused @throws BulkAborted
   */
  appendLog(place: LogPlace, bytes: Uint8Array, options: { signal: AbortSignal }): Promise<{ size: number }>;
  close(): void;
}

const TRIES_AFTER_DAMAGE = 3;

export function createBulkClient(options: BulkOptions): BulkClient {
  const requests = new BulkRequests(options);
  return {
    setBase: (url) => requests.setBase(url),
    fetcher: (signal) => ({
      fetchMany: (hashes) => fetchMany(requests, hashes, { signal }),
      fetchToFile: (sha256, path) => fetchToFile(requests, sha256, { path, signal }),
    }),
    getBlob: (sha256, more) => getBlob(requests, sha256, more),
    putBlob: (bytes, signal) => putBlob(requests, bytes, { signal }),
    missing: (hashes, signal) => missing(requests, hashes, { signal }),
    putBatch: (items, signal) => putBatch(requests, items, { signal }),
    putFile: (sha256, path, { signal }) => putFile(requests, sha256, { path, signal }),
    appendLog: (place, bytes, { signal }) => appendLog(requests, { place, bytes, signal }),
    close: () => requests.close(),
  };
}

type Delivered = { sha256: string; bytes: Uint8Array };

/**
 * A connection that drops in the middle costs what it had not delivered. A round that ends well and says
 * nothing of some blobs is asked for the rest, as long as rounds bring anything.
 */
async function* fetchMany(
  requests: BulkRequests,
  hashes: readonly string[],
  { signal }: { signal: AbortSignal },
): AsyncGenerator<Delivered> {
  const left = new Set(hashes);
  while (left.size > 0) {
    const before = left.size;
    const delivered: Delivered[] = [];
    await requests.request({
      method: "POST",
      path: "/api/blobs/fetch",
      headers: { "content-type": "application/json", accept: BLOB_FRAMES_TYPE },
      // Built anew for each try: what an earlier one delivered is not asked for again.
      get body() {
        return JSON.stringify({ hashes: [...left] });
      },
      read: (response, alive) => readFrames(response, { alive, left, delivered }),
      signal,
    });
    yield* delivered;
    if (left.size === before) return;
  }
}

async function readFrames(
  response: Response,
  into: { alive: () => void; left: Set<string>; delivered: Delivered[] },
): Promise<void> {
  const reader = new BlobFrameReader(MAX_BLOB_BATCH_BYTES);
  for await (const chunk of response.body ?? []) {
    into.alive();
    for (const { sha256, bytes } of framesOf(reader, chunk as Uint8Array)) {
      if (!into.left.delete(sha256) || bytes === null) continue;
      into.delivered.push({ sha256, bytes });
    }
    // What follows the last blob, a cut connection included, is of no interest.
    if (into.left.size === 0) return;
  }
  if (reader.pending > 0) throw new Error("the answer ends within a blob");
}

function framesOf(reader: BlobFrameReader, chunk: Uint8Array): ReturnType<BlobFrameReader["push"]> {
  try {
    return reader.push(chunk);
  } catch (error) {
    throw new BulkRefused({
      code: "bad_answer",
      status: 200,
      detail: error instanceof Error ? error.message : "",
    });
  }
}

function fetchToFile(
  requests: BulkRequests,
  sha256: string,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<void> {
  return requests.request({
    method: "GET",
    path: `/api/blobs/${sha256}`,
    read: (response, alive) => writeBody(response, { path, alive }),
    signal,
  });
}

async function writeBody(response: Response, into: { path: string; alive: () => void }): Promise<void> {
  const file = await open(into.path, "w").catch(localFailure);
  try {
    for await (const chunk of response.body ?? []) {
      into.alive();
      await file.writeFile(chunk as Uint8Array).catch(localFailure);
    }
  } finally {
    await file.close().catch(localFailure);
  }
}

/** A disk of ours that takes nothing is not mended by asking again. */
function localFailure(cause: unknown): never {
  const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
  const code = errno === "ENOSPC" || errno === "EDQUOT" ? "disk_full" : "disk_failed";
  throw new BulkRefused({
    code,
    status: 200,
    detail: `a fetched blob could not be written: ${String(cause)}`,
  });
}

async function getBlob(
  requests: BulkRequests,
  sha256: string,
  { signal, limitBytes }: { signal: AbortSignal; limitBytes: number },
): Promise<Uint8Array> {
  for (let tries = 1; ; tries += 1) {
    const read = (response: Response, alive: () => void) => boundedBody(response, { limitBytes, alive });
    const bytes = await requests.request({ method: "GET", path: `/api/blobs/${sha256}`, read, signal });
    if (hashOf(bytes) === sha256) return bytes;
    if (tries < TRIES_AFTER_DAMAGE) continue;
    const detail = `blob ${sha256} was damaged on each of ${tries} fetches`;
    throw new BulkRefused({ code: "blob_corrupt", status: 200, detail });
  }
}

async function boundedBody(
  response: Response,
  { limitBytes, alive }: { limitBytes: number; alive: () => void },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    alive();
    chunks.push(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
    if (size <= limitBytes) continue;
    throw new BulkRefused({
      code: "body_too_large",
      status: 200,
      detail: `a blob of more than ${limitBytes} bytes`,
    });
  }
  return Buffer.concat(chunks);
}

async function putBlob(
  requests: BulkRequests,
  bytes: Uint8Array,
  { signal }: { signal: AbortSignal },
): Promise<string> {
  const sha256 = hashOf(bytes);
  for (let tries = 1; ; tries += 1) {
    try {
      await requests.request({
        method: "PUT",
        path: `/api/blobs/${sha256}`,
        headers: { "content-type": "application/octet-stream" },
        body: bytes as Uint8Array<ArrayBuffer>,
        read: skipBody,
        signal,
      });
      return sha256;
    } catch (error) {
      const isDamaged = error instanceof BulkRefused && error.code === "blob_hash_mismatch";
      if (!isDamaged || tries >= TRIES_AFTER_DAMAGE) throw error;
    }
  }
}

async function missing(
  requests: BulkRequests,
  hashes: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<string[]> {
  return requests.request({
    method: "POST",
    path: "/api/blobs/missing",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ hashes }),
    read: async (response) => hashesIn(await response.json()),
    signal,
  });
}

function hashesIn(value: unknown): string[] {
  const list = typeof value === "object" && value !== null && "missing" in value ? value.missing : null;
  if (Array.isArray(list) && list.every((each) => typeof each === "string")) return list;
  throw new BulkRefused({ code: "bad_answer", status: 200, detail: "the answer names no missing blobs" });
}

async function putBatch(
  requests: BulkRequests,
  items: readonly Delivered[],
  { signal }: { signal: AbortSignal },
): Promise<void> {
  await requests.request({
    method: "POST",
    path: "/api/blobs/batch",
    headers: { "content-type": BLOB_FRAMES_TYPE },
    body: Buffer.concat(items.map(encodeBlobFrame)),
    read: skipBody,
    signal,
  });
}

/** A file that cannot be read is no reason to ask the coordinator again: the next try says so. */
async function putFile(
  requests: BulkRequests,
  sha256: string,
  { path, signal }: { path: string; signal: AbortSignal },
): Promise<void> {
  let failure: Error | null = null;
  async function* content(alive: () => void): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: FILE_CHUNK_BYTES })) {
        alive();
        yield chunk as Uint8Array;
      }
    } catch (error) {
      failure = error as Error;
      throw error;
    }
  }
  await requests.request({
    method: "PUT",
    path: `/api/blobs/${sha256}`,
    headers: { "content-type": "application/octet-stream" },
    body: (alive) => {
      if (failure === null) return content(alive);
      const detail = `the file could not be read: ${failure.message}`;
      throw new BulkRefused({ code: "disk_failed", status: 200, detail });
    },
    read: skipBody,
    signal,
  });
}

const FILE_CHUNK_BYTES = 256 * 1024;

async function appendLog(
  requests: BulkRequests,
  what: { place: LogPlace; bytes: Uint8Array; signal: AbortSignal },
): Promise<{ size: number }> {
  const { task_id, attempt, offset } = what.place;
  try {
    return await requests.request({
      method: "PUT",
      path: `/api/tasks/${encodeURIComponent(task_id)}/attempts/${attempt}/log?offset=${offset}`,
      headers: { "content-type": "application/octet-stream" },
      body: what.bytes as Uint8Array<ArrayBuffer>,
      read: async (response) => sizeIn(await response.json()),
      signal: what.signal,
    });
  } catch (error) {
    if (error instanceof BulkRefused && error.code === "log_gap") return sizeIn(error.details);
    throw error;
  }
}

function sizeIn(value: unknown): { size: number } {
  const size = typeof value === "object" && value !== null && "size" in value ? value.size : null;
  if (typeof size === "number" && Number.isSafeInteger(size) && size >= 0) return { size };
  throw new BulkRefused({ code: "bad_answer", status: 200, detail: "the answer to a log chunk has no size" });
}

async function skipBody(response: Response): Promise<void> {
  await response.arrayBuffer();
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
