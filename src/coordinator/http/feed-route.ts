import type { FastifyInstance } from "fastify";
import { fresh, sendOpenStream, whileListening } from "./answers.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readNumber, readQuery } from "./query.ts";
import { FEED } from "./runs.api.ts";
import { findRun } from "./runs.ts";

export function feedRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/runs/:id/feed", FEED, async (request, reply) => {
    const query = readQuery(request, ["from", "consistent"]);
    const from = readNumber(query.from, { name: "from" }) ?? 0;
    const { value: run, position } = await findRun(context, paramOf(request, "id"));
    fresh(context, reply, position).type("application/x-ndjson");
    if (request.method === "HEAD") return reply.send("");
    const signal = whileListening(context, reply);
    const lines = context.feed.follow(run.run_id, { from, openedAt: run.opened_at, signal });
    return sendOpenStream(reply, lines);
  });
}
