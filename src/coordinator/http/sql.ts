/**
 * People's own SQL. Checked and run in the results process (src/results/sql.ts); here it waits a moment for
 * what was committed when it came, so that who has just seen a task end also finds it, and says by how much
 * it is behind when that takes too long. The rows go through as the text that they come in: 16 MiB of
 * objects would hold up the loop.
 */
import type { FastifyInstance } from "fastify";
import { emptyInput, sqlInput } from "../../protocol/index.ts";
import { fresh, whileListening } from "./answers.ts";
import { readBody, readOptionalBody } from "./body.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { readQuery } from "./query.ts";
import { QUERY, REBUILD, REBUILT } from "./sql.api.ts";

const DEFAULT_ROWS = 10_000;
const FRESH_MS = 2_000;
const LOGGED_CHARACTERS = 500;

export function sqlRoutes(app: FastifyInstance, context: HttpContext): void {
  app.post("/api/query", QUERY, async (request, reply) => {
    readQuery(request, []);
    const { sql, parameters = [], limit = DEFAULT_ROWS } = readBody(request, sqlInput);
    const position = context.coordinator.loop.committedPosition;
    await caughtUp(context, FRESH_MS);
    const signal = whileListening(context, reply);
    const answer = await context.results.sql({ sql, parameters, limit }, { signal });
    const { columns, rows, truncated, elapsed_ms, watermark } = answer;
    const stale_by = Math.max(0, position - watermark);
    context.logger.info("sql", { sql: sql.slice(0, LOGGED_CHARACTERS), elapsed_ms, truncated });
    const rest = JSON.stringify({ truncated, stale_by, elapsed_ms, watermark }).slice(1);
    const head = Buffer.from(`{"columns":${JSON.stringify(columns)},"rows":`);
    const body = Buffer.concat([head, rows, Buffer.from(`,${rest}`)]);
    return fresh(context, reply, watermark).type("application/json; charset=utf-8").send(body);
  });
  app.post("/api/results/rebuild", REBUILD, async (request, reply) => {
    readQuery(request, []);
    readOptionalBody(request, emptyInput);
    context.logger.info("the results are made anew from the log");
    return reply.send(context.rebuild.start());
  });
  app.get("/api/results/rebuild", REBUILT, async (request, reply) => {
    readQuery(request, []);
    return reply.send(context.rebuild.status());
  });
}
