/** Blobs to and from the coordinator, as a workspace's upload wants them sent. */
import { createReadStream } from "node:fs";
import { BLOB_FRAMES_TYPE, encodeBlobFrame, MAX_BLOB_BATCH_BYTES } from "../protocol/index.ts";
import type { BlobTransport } from "../workspace/index.ts";
import type { Requests } from "./requests.ts";

/** A single blob above this goes by its own request, which has room for a gigabyte. */
const LARGE_BYTES = 4 * 1024 * 1024;
const BYTES = "application/octet-stream";

type Item = { sha256: string; bytes: Uint8Array };

export function createBlobTransport(requests: Requests): BlobTransport {
  return {
    async missing(hashes) {
      const request = {
        method: "POST",
        path: "/api/blobs/missing",
        json: { hashes },
        isRepeatable: true,
      } as const;
      return (await requests.json<{ missing: string[] }>(request)).missing;
    },
    async putBatch(items) {
      for (const { sha256, bytes } of items.filter(isLarge)) await putBlob(requests, sha256, bytes);
      for (const batch of batches(items.filter((item) => !isLarge(item)))) await putBatch(requests, batch);
    },
    async putFile(sha256, path) {
      await requests.json({
        method: "PUT",
        path: `/api/blobs/${sha256}`,
        headers: { "content-type": BYTES },
        body: () => createReadStream(path),
        isRepeatable: true,
      });
    },
  };
}

const isLarge = ({ bytes }: Item): boolean => bytes.length > LARGE_BYTES;

async function putBlob(requests: Requests, sha256: string, body: Uint8Array): Promise<void> {
  const headers = { "content-type": BYTES };
  await requests.json({ method: "PUT", path: `/api/blobs/${sha256}`, headers, body, isRepeatable: true });
}

function batches(items: readonly Item[]): Item[][] {
  const out: Item[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const item of items) {
    if (size + item.bytes.length > MAX_BLOB_BATCH_BYTES) {
      out.push([]);
      size = 0;
    }
    out.at(-1)?.push(item);
    size += item.bytes.length;
  }
  return out;
}

async function putBatch(requests: Requests, items: readonly Item[]): Promise<void> {
  await requests.json({
    method: "POST",
    path: "/api/blobs/batch",
    headers: { "content-type": BLOB_FRAMES_TYPE },
    body: Buffer.concat(items.map(encodeBlobFrame)),
    isRepeatable: true,
  });
}
