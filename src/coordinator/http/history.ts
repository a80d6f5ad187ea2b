/** What earlier runs have taught about the files of a suite. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { HttpContext } from "./context.ts";
import { DURATIONS, FAILURES, REUSABLE } from "./history.api.ts";
import { badParameter, readQuery } from "./query.ts";

export function historyRoutes(app: FastifyInstance, { results }: HttpContext): void {
  app.get("/api/durations", DURATIONS, async (request, reply) =>
    reply.send({ items: await results.query("learnedDurations", suiteAsked(request)) }),
  );
  app.get("/api/failures", FAILURES, async (request, reply) =>
    reply.send({ items: await results.query("recentFailures", suiteAsked(request)) }),
  );
  app.get("/api/reusable-cases", REUSABLE, async (request, reply) => {
    const { project = "default", inputs } = readQuery(request, ["project", "inputs"]);
    if (inputs === undefined) throw badParameter("inputs", `"inputs" is needed`);
    return reply.send({ items: await results.query("reusableCases", { project, inputs }) });
  });
}

function suiteAsked(request: FastifyRequest): { project: string; framework: string; suite?: string } {
  const { project = "default", framework, suite } = readQuery(request, ["project", "framework", "suite"]);
  if (framework === undefined) throw badParameter("framework", `"framework" is needed`);
  return { project, framework, ...(suite !== undefined && { suite }) };
}
