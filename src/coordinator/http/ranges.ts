/**
 * Parts of an answer, as HTTP asks for them: `Range: bytes=0-99`, `bytes=100-`, `bytes=-100`.
 *
 * As RFC 9110 wants it: several ranges at once, another unit or nonsense mean the whole, and only a range
 * that begins behind the end is refused.
 */
import type { FastifyReply, FastifyRequest } from "fastify";
import { problem } from "../../protocol/index.ts";
import { Refusal } from "./refusal.ts";

/** `to` is exclusive. */
export interface Part {
  from: number;
  to: number;
}

/** The part that is asked for; null for the whole. @throws Refusal when it lies behind the end */
export function askedPart(
  request: FastifyRequest,
  { size, etag }: { size: number; etag?: string },
): Part | null {
  const { range, "if-range": condition } = request.headers;
  if (range === undefined || request.method !== "GET") return null;
  if (condition !== undefined && condition !== etag) return null;
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range.replaceAll(" ", "")) ?? [];
  if (first === "" && last === "") return null;
  if (first === "") return suffix(Number(last), size);
  const from = Number(first);
  const to = last === "" ? size : Math.min(size, Number(last) + 1);
  if (last !== "" && Number(last) < from) return null;
  return from < size ? { from, to } : unsatisfiable(size);
}

function suffix(length: number, size: number): Part {
  if (length === 0 || size === 0) return unsatisfiable(size);
  return { from: Math.max(0, size - length), to: size };
}

function unsatisfiable(size: number): never {
  const detail = `the range begins behind the end: there are ${size} bytes`;
  throw new Refusal(problem("range_not_satisfiable", detail, { details: { size } }), {
    "content-range": `bytes */${size}`,
  });
}

/** Says which part follows; what is sent has then just its length. */
export function announcePart(reply: FastifyReply, { part, size }: { part: Part | null; size: number }): void {
  reply.header("accept-ranges", "bytes");
  reply.header("content-length", String(part === null ? size : part.to - part.from));
  if (part === null) return;
  reply.code(206).header("content-range", `bytes ${part.from}-${part.to - 1}/${size}`);
}

/** Whether the asker has these bytes already. */
export function isKnown(request: FastifyRequest, etag: string): boolean {
  const known = request.headers["if-none-match"];
  return known !== undefined && known.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}
