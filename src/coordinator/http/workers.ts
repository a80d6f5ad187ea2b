import type { FastifyInstance } from "fastify";
import { sendCommitted } from "./answers.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readQuery } from "./query.ts";
import { refusal } from "./refusal.ts";
import { workerView, workerViews } from "./worker-view.ts";

export function workerRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/workers", async (request, reply) => {
    readQuery(request, ["consistent"]);
    return sendCommitted(context, reply, (state) => workerViews(context, state));
  });
  app.get("/api/workers/:id", async (request, reply) => {
    readQuery(request, ["consistent"]);
    const id = paramOf(request, "id");
    return sendCommitted(context, reply, (state) => {
      const worker = state.workers.get(id);
      if (worker === undefined) throw refusal("worker_unknown", `no worker ${id.slice(0, 128)}`);
      return workerView(context, worker);
    });
  });
}
