/** Parameters of an address: all known, each once, each in its range. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { isUlid } from "../../core/index.ts";
import { nearest, project, validate } from "../../protocol/index.ts";
import { refusal, type Refusal } from "./refusal.ts";

const PAGE_LIMIT = 500;
const PAGE_DEFAULT = 50;

/** @throws Refusal when a parameter is unknown or given twice. */
export function readQuery<K extends string>(
  request: FastifyRequest,
  known: readonly K[],
): { [P in K]?: string } {
  const found: { [P in K]?: string } = {};
  for (const [key, value] of Object.entries(request.query as Record<string, unknown>)) {
    const name = known.find((each) => each === key);
    if (name === undefined) throw badParameter(key, unknownParameter(key, known));
    if (typeof value !== "string") throw badParameter(key, `"${key}" is given more than once`);
    found[name] = value;
  }
  return found;
}

function unknownParameter(key: string, known: readonly string[]): string {
  const guess = nearest(key, known);
  const hint = guess === null ? `; known: ${known.join(", ") || "none"}` : `; did you mean "${guess}"?`;
  return `unknown parameter "${key.slice(0, 100)}"${hint}`;
}

export function badParameter(name: string, message: string): Refusal {
  const errors = [{ pointer: "", code: "invalid_parameter", message }];
  return refusal("invalid_request", message, { errors, details: { parameter: name.slice(0, 100) } });
}

export function readNumber(
  text: string | undefined,
  { name, min = 0, max = Number.MAX_SAFE_INTEGER }: { name: string; min?: number; max?: number },
): number | null {
  if (text === undefined) return null;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw badParameter(name, `"${name}" must be a whole number from ${min} to ${max}`);
}

export function readLimit(text: string | undefined, max = PAGE_LIMIT): number {
  return readNumber(text, { name: "limit", min: 1, max }) ?? PAGE_DEFAULT;
}

export function readFlag(text: string | undefined, name: string): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "true") return true;
  throw badParameter(name, `"${name}" must be true or false`);
}

/** Says where the next page begins, to nobody but us: a cursor belongs to the listing that made it. */
export function makeCursor(listing: string, before: string): string {
  return Buffer.from(`${listing} ${before}`).toString("base64url");
}

/** `Link: rel=next`, for clients that know pages by it. */
export function linkNext(
  { url }: FastifyRequest,
  reply: FastifyReply,
  { next_cursor }: { next_cursor: string | null },
): void {
  if (next_cursor === null) return;
  const [path = "", query = ""] = url.split("?");
  const next = new URLSearchParams(query);
  next.set("cursor", next_cursor);
  reply.header("link", `<${path}?${next.toString()}>; rel="next"`);
}

/** @throws Refusal */
export function readCursor(listing: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const [made, id = "", ...rest] = Buffer.from(text.slice(0, 500), "base64url").toString("utf8").split(" ");
  const isWhole = made === listing && rest.length === 0 && makeCursor(listing, id) === text;
  if (isWhole && (isUlid(id) || /^[\w.-]+$/.test(id))) return id;
  throw refusal("cursor_invalid", "the cursor is not one of this listing");
}

export function isProject(text: string): boolean {
  return validate(project, text).ok;
}

export function paramOf(request: FastifyRequest, name: string): string {
  const value = (request.params as Record<string, string | undefined>)[name];
  return value ?? "";
}
