/**
 * Workers: who is there, and which of them may be given new tasks.
 *
 * A cordon keeps new tasks away and leaves what runs alone; draining is a cordon that somebody waits for. It
 * stays with the worker's name, whatever its process does, until it is lifted.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { CordonWorker, State, UncordonWorker, Worker } from "../../core/index.ts";
import { cordonInput, emptyInput, nearest } from "../../protocol/index.ts";
import { committedNow, sendCommitted } from "./answers.ts";
import { readOptionalBody } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readQuery } from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { workerView, workerViews } from "./worker-view.ts";
import { LIST, ORDERS, SHOW } from "./workers.api.ts";

const REASONS = { cordon: "cordoned by request", drain: "drained by request" } as const;

export function workerRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/workers", LIST, async (request, reply) => {
    readQuery(request, ["consistent"]);
    return sendCommitted(context, reply, (state) => workerViews(context, state));
  });
  app.get("/api/workers/:id", SHOW, async (request, reply) => {
    readQuery(request, ["consistent"]);
    const id = paramOf(request, "id");
    return sendCommitted(context, reply, (state) => workerView(context, workerOf(state, id)));
  });
  for (const verb of ["cordon", "drain", "uncordon"] as const) {
    app.post(`/api/workers/:id/${verb}`, ORDERS[verb], async (request, reply) => {
      const worker_id = paramOf(request, "id");
      execute(context, commandOf(verb, worker_id, request));
      await committedNow(context, reply);
      return sendCommitted(context, reply, (state) => workerView(context, workerOf(state, worker_id)));
    });
  }
}

type Verb = "cordon" | "drain" | "uncordon";
type Order = CordonWorker | UncordonWorker;

function commandOf(verb: Verb, worker_id: string, request: FastifyRequest): Order {
  readQuery(request, []);
  if (verb === "uncordon") {
    readOptionalBody(request, emptyInput);
    return { type: "uncordon_worker", worker_id };
  }
  const { reason } = readOptionalBody(request, cordonInput);
  return { type: "cordon_worker", worker_id, by: "operator", reason: reason ?? REASONS[verb] };
}

function execute({ coordinator }: HttpContext, command: Order): void {
  const { loop } = coordinator;
  const worker = workerOf(loop.state, command.worker_id);
  // It has stopped listening for tasks: lifting the cordon would only send them into its end.
  if (command.type === "uncordon_worker" && worker.cordoned?.by === "worker") {
    const detail = `worker ${worker.worker_id} is on its way out by itself: ${worker.cordoned.reason}`;
    throw refusal("worker_leaves", detail);
  }
  const decision = loop.execute(command);
  if (decision.kind === "rejected") throw rejected(decision.rejection);
}

/** @throws Refusal */
function workerOf({ workers }: State, id: string): Worker {
  const worker = workers.get(id);
  if (worker !== undefined) return worker;
  const guess = nearest(id, [...workers.keys()]);
  const hint = guess === null ? "" : `; did you mean "${guess}"?`;
  throw refusal("worker_unknown", `no worker ${id.slice(0, 128)}${hint}`);
}
