/** The bulk plane: blobs by their hash, singly or many in one body. */
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import {
  BLOB_FRAMES_TYPE,
  BlobFrameReader,
  encodeBlobFrame,
  hash,
  hashList,
  MAX_BLOB_BATCH_BYTES,
  validate,
} from "../../protocol/index.ts";
import type { BlobFrame } from "../../protocol/index.ts";
import { sendBlob } from "./artifacts.ts";
import { readBody, streamedBody, tooLarge } from "./body.ts";
import { BATCH, FETCH, GET, MISSING, PUT } from "./blobs.api.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readQuery } from "./query.ts";
import { refusal } from "./refusal.ts";

const MAX_BLOB_BYTES = 1024 * 1024 * 1024;
/** The frames' own heads come on top of the limit for what they carry. */
const BATCH_SLACK_BYTES = 1024 * 1024;
/** Blobs of a batch on their way to the disk at once: enough for them to share flushes. */
const PUTS_AT_ONCE = 256;

export function blobRoutes(app: FastifyInstance, context: HttpContext): void {
  const { blobs, clock, metrics } = context;
  app.post("/api/blobs/missing", MISSING, async (request) => {
    readQuery(request, []);
    return { missing: blobs.missing(readBody(request, hashList).hashes) };
  });
  app.post("/api/blobs/batch", BATCH, async (request) => {
    readQuery(request, []);
    const limitBytes = MAX_BLOB_BATCH_BYTES + BATCH_SLACK_BYTES;
    return { stored: await storeBatch(context, streamedBody(request, { limitBytes, clock, metrics })) };
  });
  app.post("/api/blobs/fetch", FETCH, async (request, reply) => {
    readQuery(request, []);
    const wanted = readBody(request, hashList).hashes;
    return reply.type(BLOB_FRAMES_TYPE).send(Readable.from(framesOf(context, wanted)));
  });
  app.put("/api/blobs/:sha256", PUT, async (request, reply) => {
    readQuery(request, []);
    const expected = readHash(paramOf(request, "sha256"));
    const body = streamedBody(request, { limitBytes: MAX_BLOB_BYTES, clock, metrics });
    await blobs.putStream(body, { expected, limitBytes: MAX_BLOB_BYTES });
    return reply.code(201).send({ sha256: expected });
  });
  app.get("/api/blobs/:sha256", GET, async (request, reply) => {
    readQuery(request, []);
    const sha256 = readHash(paramOf(request, "sha256"));
    reply.type("application/octet-stream");
    return sendBlob(context, request, { reply, sha256 });
  });
}

function readHash(text: string): string {
  if (validate(hash, text).ok) return text;
  throw refusal("invalid_request", "a blob is named by the 64 hex digits of its SHA-256");
}

async function storeBatch({ blobs }: HttpContext, body: AsyncIterable<Uint8Array>): Promise<number> {
  const reader = new BlobFrameReader(MAX_BLOB_BATCH_BYTES);
  let waiting: Promise<string>[] = [];
  let stored = 0;
  const settle = async () => {
    const outcomes = await Promise.allSettled(waiting);
    waiting = [];
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    stored += outcomes.length;
  };
  try {
    for await (const chunk of body) {
      for (const { sha256, bytes } of push(reader, chunk)) {
        if (bytes !== null) waiting.push(blobs.put(bytes, { expected: sha256 }));
      }
      if (waiting.length >= PUTS_AT_ONCE) await settle();
    }
  } finally {
    // Also when the body breaks off: no put may be left without somebody who hears of its failure.
    await Promise.allSettled(waiting);
  }
  if (reader.pending > 0) throw refusal("invalid_request", "the body ends within a blob");
  await settle();
  return stored;
}

function push(reader: BlobFrameReader, chunk: Uint8Array): BlobFrame[] {
  try {
    return reader.push(chunk);
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(MAX_BLOB_BATCH_BYTES, "a blob in the batch");
    throw error;
  }
}

/** One that is missing or damaged is marked as absent: the asker goes on with the rest. */
async function* framesOf({ blobs }: HttpContext, wanted: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const sha256 of wanted) {
    const bytes = await blobs.get(sha256).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && /^blob_(missing|corrupt)$/.test(String(error.code)))
        return null;
      throw error;
    });
    yield encodeBlobFrame({ sha256, bytes });
  }
}
