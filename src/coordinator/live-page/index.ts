/**
 * One page that shows what the yard is doing: workers, tasks, a log, live. Static files without a build step,
 * served by the coordinator itself; the policy forbids scripts from anywhere else, and inline ones.
 */
import { readFileSync } from "node:fs";
import type { FastifyInstance } from "fastify";

const FILES = [
  { url: "/", name: "index.html", type: "text/html; charset=utf-8" },
  { url: "/live/app.js", name: "app.js", type: "text/javascript; charset=utf-8" },
  { url: "/live/style.css", name: "style.css", type: "text/css; charset=utf-8" },
] as const;

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function registerLivePage(app: FastifyInstance): void {
  for (const { url, name, type } of FILES) {
    const text = readFileSync(new URL(name, import.meta.url), "utf8");
    app.get(url, async (_request, reply) =>
      reply
        .header("content-security-policy", POLICY)
        .header("referrer-policy", "no-referrer")
        .type(type)
        .send(text),
    );
  }
}
