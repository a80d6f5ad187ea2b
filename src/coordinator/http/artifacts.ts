/**
 * Files that attempts left, by their task and path. They come from tests, which may be anybody's: a browser
 * shows images, videos and plain text, everything else it saves, and nothing of it runs on our origin.
 */
import { Readable } from "node:stream";
import { extname } from "node:path";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { ArtifactView } from "../../protocol/index.ts";
import { fresh } from "./answers.ts";
import { GET, LIST } from "./artifacts.api.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readNumber, readQuery } from "./query.ts";
import { announcePart, askedPart, isKnown } from "./ranges.ts";
import { refusal } from "./refusal.ts";

/** What a browser shows without running anything in it. */
const SHOWN: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".gif": "image/gif",
  ".webp": "image/webp",
  ".avif": "image/avif",
  ".bmp": "image/bmp",
  ".mp4": "video/mp4",
  ".webm": "video/webm",
  ".txt": "text/plain; charset=utf-8",
  ".log": "text/plain; charset=utf-8",
  ".md": "text/plain; charset=utf-8",
  ".csv": "text/plain; charset=utf-8",
  ".json": "application/json",
};
const SAVED: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".htm": "text/html; charset=utf-8",
  ".svg": "image/svg+xml",
  ".xml": "application/xml",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".pdf": "application/pdf",
  ".zip": "application/zip",
  ".gz": "application/gzip",
};

export function artifactRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/tasks/:id/artifacts", LIST, async (request, reply) => {
    readQuery(request, ["consistent"]);
    const items = await artifactsOf(context, paramOf(request, "id"));
    return fresh(context, reply, context.results.status().watermark).send({ items });
  });
  app.get("/api/tasks/:id/attempts/:attempt/artifacts/*", GET, async (request, reply) => {
    readQuery(request, []);
    const task_id = paramOf(request, "id");
    const attempt = readNumber(paramOf(request, "attempt"), { name: "attempt", min: 1, max: 0xffff_ffff });
    const path = paramOf(request, "*");
    await caughtUp(context);
    const asked = { task_id, attempt: attempt ?? 1, path };
    const [found] = await context.results.query("artifacts", asked);
    if (found === undefined) {
      const where = `attempt ${attempt} of task ${task_id.slice(0, 128)}`;
      throw refusal("artifact_unknown", `${where} left no artifact ${JSON.stringify(path.slice(0, 200))}`);
    }
    describe(reply, found);
    return sendBlob(context, request, { reply, sha256: found.sha256 });
  });
}

async function artifactsOf(context: HttpContext, task_id: string): Promise<ArtifactView[]> {
  const isLive = context.coordinator.loop.state.tasks.has(task_id);
  await caughtUp(context);
  const rows = await context.results.query("artifacts", { task_id });
  if (rows.length === 0 && !isLive && (await context.results.query("task", { task_id })) === null) {
    throw refusal("task_unknown", `no task ${task_id.slice(0, 128)}`);
  }
  const { blobs } = context;
  return rows.map((row) => ({ ...row, is_kept: blobs.has(row.sha256) }));
}

function describe(reply: FastifyReply, { path }: { path: string }): void {
  const extension = extname(path).toLowerCase();
  const shown = SHOWN[extension];
  const name = path.split("/").at(-1) ?? "artifact";
  reply.type(shown ?? SAVED[extension] ?? "application/octet-stream");
  reply.header("content-disposition", `${shown === undefined ? "attachment" : "inline"}; ${fileName(name)}`);
  reply.header("content-security-policy", "default-src 'none'; sandbox");
}

/** RFC 6266: a plain name for all, and the real one in UTF-8. */
function fileName(name: string): string {
  const plain = name.replace(/[^\w. -]/g, "_");
  // A half surrogate pair, which no file system of ours gives, would throw.
  const encoded = encodeURIComponent(Buffer.from(name).toString()).replace(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16)}`,
  );
  return `filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** The bytes, or the part of them that is asked for. */
export async function sendBlob(
  { blobs }: Pick<HttpContext, "blobs">,
  request: FastifyRequest,
  { reply, sha256 }: { reply: FastifyReply; sha256: string },
): Promise<FastifyReply> {
  const etag = `"${sha256}"`;
  reply.header("etag", etag);
  if (isKnown(request, etag)) return reply.code(304).send();
  const blob = await blobs.openLarge(sha256);
  const part = askedPart(request, { size: blob.sizeBytes, etag });
  announcePart(reply, { part, size: blob.sizeBytes });
  // The head of an empty stream keeps the length that is announced here.
  if (request.method === "HEAD") return reply.send(Readable.from([]));
  return reply.send(part === null ? blob.stream() : blob.stream(part));
}
