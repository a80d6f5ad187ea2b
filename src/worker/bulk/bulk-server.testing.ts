/** For tests: the coordinator's bulk plane over real HTTP, in memory, with faults at chosen moments. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { BlobFrameReader, encodeBlobFrame, MAX_BLOB_BATCH_BYTES } from "../../protocol/index.ts";

/**
 * `pass`: as usual. `no_answer`: done, and the connection cut. `cut`: cut before it is done. `half`: half the
 * body.
 */
export type Fault =
  | "pass"
  | "no_answer"
  | "cut"
  | "half"
  | { status: number; body?: unknown; headers?: Record<string, string> };

export interface BulkServer {
  url: string;
  blobs: Map<string, Buffer>;
  logs: Map<string, Buffer>;
  requests: { method: string; path: string; key: string; bytes: number }[];
  /** What happens to the requests to come, in turn; afterwards all pass. */
  faults: Fault[];
  /** Decides for every request, before `faults`. */
  onRequest: ((method: string, path: string) => Fault | undefined) | null;
  add(content: string | Uint8Array): string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export async function bulkServer(): Promise<BulkServer> {
  let server: ReturnType<typeof createServer> | null = null;
  let port = 0;
  const self: BulkServer = {
    url: "",
    blobs: new Map(),
    logs: new Map(),
    requests: [],
    faults: [],
    onRequest: null,
    add: (content) => {
      const bytes = Buffer.from(content as Uint8Array);
      self.blobs.set(sha256Of(bytes), bytes);
      return sha256Of(bytes);
    },
    start: async () => {
      server = createServer((request, response) => void answer(self, request, response));
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      port = (server.address() as AddressInfo).port;
      self.url = `http://127.0.0.1:${port}`;
    },
    stop: async () => {
      const stopping = server;
      server = null;
      if (stopping === null) return;
      stopping.closeAllConnections();
      await new Promise((resolve) => stopping.close(resolve));
    },
  };
  onTestFinished(() => self.stop());
  await self.start();
  return self;
}

async function answer(self: BulkServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "", url = "" } = request;
  const fault = self.onRequest?.(method, url) ?? self.faults.shift() ?? "pass";
  if (fault === "cut") return void request.socket.destroy();
  const body = await bodyOf(request);
  if (body === null) return;
  self.requests.push({ method, path: url, key: request.headers.authorization ?? "", bytes: body.length });
  if (typeof fault === "object")
    return send(response, { status: fault.status, body: fault.body, headers: fault.headers ?? {} });
  const result = route(self, { method, url, body });
  if (fault === "no_answer") return void request.socket.destroy();
  if (fault !== "half" || !Buffer.isBuffer(result.body)) return send(response, result);
  response.writeHead(result.status, { "content-length": result.body.length });
  response.write(result.body.subarray(0, Math.floor(result.body.length / 2)), () => request.socket.destroy());
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  } catch {
    return null;
  }
}

interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, headers);
  response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body ?? {}));
}

const refuse = (status: number, code: string, details: object = {}): Answer => ({
  status,
  body: { code, detail: code, details },
});

function route(
  self: BulkServer,
  { method, url, body }: { method: string; url: string; body: Buffer },
): Answer {
  const { pathname, searchParams } = new URL(url, "http://x");
  if (pathname === "/api/blobs/fetch")
    return fetchAnswer(self, JSON.parse(body.toString("utf8")) as { hashes: string[] });
  if (pathname === "/api/blobs/missing") {
    const { hashes } = JSON.parse(body.toString("utf8")) as { hashes: string[] };
    return { status: 200, body: { missing: hashes.filter((hash) => !self.blobs.has(hash)) } };
  }
  if (pathname === "/api/blobs/batch") {
    for (const { sha256, bytes } of new BlobFrameReader(MAX_BLOB_BATCH_BYTES).push(body)) {
      if (sha256Of(bytes ?? "") !== sha256) return refuse(422, "blob_hash_mismatch");
      self.blobs.set(sha256, Buffer.from(bytes ?? ""));
    }
    return { status: 200 };
  }
  const blob = /^\/api\/blobs\/([0-9a-f]{64})$/.exec(pathname)?.[1];
  if (blob !== undefined && method === "GET") {
    const bytes = self.blobs.get(blob);
    return bytes === undefined ? refuse(404, "blob_missing") : { status: 200, body: bytes };
  }
  if (blob !== undefined) {
    if (sha256Of(body) !== blob) return refuse(422, "blob_hash_mismatch");
    self.blobs.set(blob, body);
    return { status: 201 };
  }
  const log = /^\/api\/tasks\/([^/]+)\/attempts\/(\d+)\/log$/.exec(pathname);
  if (log !== null)
    return appendAnswer(self, {
      key: `${log[1]}.${log[2]}`,
      offset: Number(searchParams.get("offset")),
      body,
    });
  return refuse(404, "not_found");
}

function fetchAnswer(self: BulkServer, { hashes }: { hashes: string[] }): Answer {
  const frames = hashes.map((sha256) => encodeBlobFrame({ sha256, bytes: self.blobs.get(sha256) ?? null }));
  return { status: 200, body: Buffer.concat(frames) };
}

/**
 * As the real streams do: what is held and equal is dropped, a hole is refused with the place to go on from.
 */
function appendAnswer(
  self: BulkServer,
  { key, offset, body }: { key: string; offset: number; body: Buffer },
): Answer {
  const held = self.logs.get(key) ?? Buffer.alloc(0);
  if (offset > held.length) return refuse(409, "log_gap", { size: held.length });
  const repeated = held.subarray(offset, offset + body.length);
  if (!repeated.equals(body.subarray(0, repeated.length))) return refuse(409, "log_conflict");
  const after = Buffer.concat([held, body.subarray(repeated.length)]);
  self.logs.set(key, after);
  return { status: 200, body: { size: after.length } };
}
