/**
 * Bodies: how they come in, within limits that hold while they stream.
 *
 * JSON is taken whole, at most the limit of its route, and parsed by the protocol's own parser. Bytes are
 * handed on as they arrive. Neither may be slow for ever: a whole body has 30 s, a stream 30 s for its next
 * piece.
 */
import { isUtf8 } from "node:buffer";
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { BLOB_FRAMES_TYPE, parseJson, problem, validate, type ShapeOf } from "../../protocol/index.ts";
import type { HttpContext } from "./context.ts";
import { invalid, Refusal, refusal, sendProblem } from "./refusal.ts";

export const MAX_BODY_BYTES = 1024 * 1024;
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const BODY_MS = 30_000;
const STREAMED = ["application/octet-stream", BLOB_FRAMES_TYPE];

export function installBodies(app: FastifyInstance, { clock }: Pick<HttpContext, "clock">): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
  app.addContentTypeParser(STREAMED, (_request, payload, done) => done(null, payload));
  app.addHook("onRequest", async (request, reply) => {
    if (!hasBody(request) || isStreamed(request)) return;
    const timer = clock.after(BODY_MS, () => {
      if (request.raw.complete || reply.sent) return;
      reply.header("connection", "close");
      reply.raw.once("finish", () => request.raw.destroy());
      void sendProblem(reply, problem("body_timeout", `the body did not arrive within ${BODY_MS / 1000} s`));
    });
    for (const event of ["end", "close"]) request.raw.once(event, () => timer.cancel());
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

function isStreamed({ headers }: FastifyRequest): boolean {
  return STREAMED.some((type) => headers["content-type"]?.startsWith(type));
}

/** @throws Refusal */
export function jsonBody(request: FastifyRequest): unknown {
  const { body } = request;
  if (!Buffer.isBuffer(body)) throw refusal("unsupported_media_type", "send a body of type application/json");
  if (!isUtf8(body)) throw refusal("invalid_json", "the body is not UTF-8");
  const parsed = parseJson(body.toString("utf8"));
  if (parsed.ok) return parsed.value;
  const { error } = parsed;
  const code = error.code === "invalid_json" ? "invalid_json" : "invalid_request";
  throw refusal(code, error.message, { errors: [error] });
}

/** The body, held against a schema. @throws Refusal */
export function readBody<T>(request: FastifyRequest, schema: ShapeOf<T>): T {
  return checkedAs(schema, jsonBody(request));
}

function checkedAs<T>(schema: ShapeOf<T>, value: unknown): T {
  const checked = validate(schema, value);
  if (checked.ok) return checked.value;
  throw invalid(checked.errors);
}

/** For addresses that need not be told anything: no body is an empty object. @throws Refusal */
export function readOptionalBody<T>(request: FastifyRequest, schema: ShapeOf<T>): T {
  return hasBody(request) ? readBody(request, schema) : checkedAs(schema, {});
}

type BodyOptions = Pick<HttpContext, "clock" | "metrics"> & { limitBytes: number };

export function streamedBody(request: FastifyRequest, options: BodyOptions): AsyncIterable<Uint8Array> {
  const { body } = request;
  // A request without a body announces no length, and fastify then has nothing for us.
  if (body === undefined || body === null) return Readable.from([]);
  if (Buffer.isBuffer(body)) {
    throw refusal("unsupported_media_type", `send a body of type ${STREAMED.join(" or ")}`);
  }
  return limited(body as Readable, options);
}

async function* limited(
  body: Readable,
  { limitBytes, clock, metrics }: BodyOptions,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  let hasStalled = false;
  const stop = () => {
    hasStalled = true;
    body.destroy(new Error("the body has stalled"));
  };
  const watch = () => clock.after(BODY_MS, stop);
  let stall = watch();
  try {
    // Not destroyed when we stop early: the socket must live on for the answer.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      stall.cancel();
      size += (chunk as Uint8Array).length;
      metrics.received((chunk as Uint8Array).length);
      if (size > limitBytes) throw tooLarge(limitBytes);
      yield chunk as Uint8Array;
      stall = watch();
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (hasStalled) throw refusal("body_timeout", `nothing came of the body for ${BODY_MS / 1000} s`);
    throw refusal("invalid_request", `the body broke off: ${error instanceof Error ? error.message : ""}`);
  } finally {
    stall.cancel();
  }
}

export function tooLarge(limitBytes: number, what = "the body"): Refusal {
  const details = { limit_bytes: limitBytes };
  return refusal("body_too_large", `${what} is larger than the limit of ${limitBytes} bytes`, { details });
}
