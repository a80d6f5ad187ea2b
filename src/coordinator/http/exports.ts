/**
 * The tables as files, over HTTP: begun, asked after until they are written, fetched, removed. All rows of a
 * yard at once are more than its overview shows to anybody, so that fetching needs the key, too.
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { exportInput } from "../../protocol/index.ts";
import { readOptionalBody } from "./body.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { FILE, REMOVE, START, STATUS } from "./exports.api.ts";
import { requireKey } from "./guard.ts";
import { newId } from "./submission.ts";
import { paramOf, readQuery } from "./query.ts";
import { announcePart, askedPart } from "./ranges.ts";
import { refusal, type Refusal } from "./refusal.ts";

const FRESH_MS = 2_000;

export function exportRoutes(app: FastifyInstance, context: HttpContext): void {
  const { exports } = context;
  app.post("/api/exports", START, async (request, reply) => {
    readQuery(request, []);
    const input = readOptionalBody(request, exportInput);
    await caughtUp(context, FRESH_MS);
    const started = exports.start(newId(context), input);
    if (started === null) throw refusal("export_busy", "another export is under way: ask again in a minute");
    return reply.code(201).send(started);
  });
  app.get("/api/exports/:id", STATUS, async (request, reply) => {
    readQuery(request, []);
    const id = paramOf(request, "id");
    const status = exports.status(id);
    if (status === null) throw unknown(id);
    return reply.send(status);
  });
  app.get("/api/exports/:id/files/:file", FILE, async (request, reply) => {
    readQuery(request, []);
    requireKey(request, context);
    const id = paramOf(request, "id");
    const held = exports.hold(id, paramOf(request, "file"));
    if (held === null) throw unknown(id);
    reply.raw.once("close", held.done);
    const size = held.bytes;
    const part = askedPart(request, { size });
    announcePart(reply.type("application/octet-stream"), { part, size });
    // The head of an empty stream keeps the length that is announced here.
    if (request.method === "HEAD" || size === 0) return reply.send(Readable.from([]));
    const { from, to } = part ?? { from: 0, to: size };
    return reply.send(createReadStream(held.path, { start: from, end: to - 1 }));
  });
  app.delete("/api/exports/:id", REMOVE, async (request, reply) => {
    readQuery(request, []);
    const id = paramOf(request, "id");
    const removed = await exports.remove(id);
    if (removed === null) throw unknown(id);
    return reply.send(removed);
  });
}

function unknown(id: string): Refusal {
  return refusal(
    "export_unknown",
    `no export ${id.slice(0, 128)} with such a file: it may have been given up`,
  );
}
