/**
 * Who may ask at all, before anything is read.
 *
 * Everything here listens on loopback, where a browser is the way in: a page elsewhere can send requests to
 * this machine, and by rebinding its own name even read the answers. So the `Host` must be ours, a foreign
 * `Origin` is refused, and whatever changes something needs the yard's key, which no page can know.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { problem, type Problem } from "../../protocol/index.ts";
import { isClientKey } from "../../security/index.ts";
import type { HttpContext } from "./context.ts";
import { Refusal } from "./refusal.ts";

const LOOPBACK_NAMES = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** Whether the server may listen there. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_NAMES.has(host) || host === "::1";
}

interface Sender {
  host: string | undefined;
  origin: string | undefined;
}

/** What is wrong with where a request claims to come from and go to; null when nothing is. */
export function refuseSender({ host, origin }: Sender, port: number): Problem | null {
  if (host === undefined || !isOurs(host, port)) {
    return problem("forbidden_host", `the Host header must be a loopback address with port ${port}`);
  }
  if (origin === undefined || (origin.startsWith("http://") && isOurs(origin.slice(7), port))) return null;
  return problem("forbidden_host", "requests of pages from another origin are refused");
}

function isOurs(authority: string, port: number): boolean {
  const [, name = "", given = "80"] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority.toLowerCase()) ?? [];
  return LOOPBACK_NAMES.has(name) && Number(given) === port;
}

const READING = new Set(["GET", "HEAD"]);

export function installGuard(app: FastifyInstance, context: HttpContext): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.header("x-request-id", request.id);
    reply.header("x-content-type-options", "nosniff");
    reply.header("cache-control", "no-store");
    const { host, origin } = request.headers;
    const wrong = refuseSender({ host, origin }, context.port());
    if (wrong !== null) throw new Refusal(wrong);
    if (context.closing.aborted) throw new Refusal(problem("shutting_down", "the coordinator stops"));
    if (!READING.has(request.method)) requireKey(request, context);
  });
}

/** @throws Refusal */
export function requireKey(
  request: FastifyRequest,
  { clientKey, dataDir }: Pick<HttpContext, "clientKey" | "dataDir">,
): void {
  const [, offered = ""] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
  if (isClientKey(clientKey, offered)) return;
  const what = offered === "" ? "a key is needed" : "the key is not the one of this yard";
  const detail = `${what}: send "Authorization: Bearer KEY" with the text of ${dataDir}/client-key`;
  throw new Refusal(problem("unauthorized", detail), { "www-authenticate": "Bearer" });
}
