/** Webhooks: who is told of the ends of runs, and what became of each telling. */
import type { FastifyInstance } from "fastify";
import type { Command, Delivery, State, Webhook } from "../../core/index.ts";
import { webhookInput, type DeliveryView, type WebhookView } from "../../protocol/index.ts";
import type { Automation } from "../automation.ts";
import { committedNow, sendCommitted } from "./answers.ts";
import { readBody } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { paramOf, readQuery } from "./query.ts";
import { refusal, rejected } from "./refusal.ts";
import { newId } from "./submission.ts";
import { ADD, ADD_TO_RUN, DELIVERIES, LIST, REDELIVER, REMOVE } from "./webhooks.api.ts";

export function webhookRoutes(app: FastifyInstance, context: HttpContext): void {
  const { coordinator, automation } = context;
  app.get("/api/webhooks", LIST, async (request, reply) => {
    readQuery(request, ["consistent"]);
    return sendCommitted(context, reply, (state) => ({ items: [...state.webhooks.values()].map(viewOf) }));
  });
  app.post("/api/webhooks", ADD, async (request, reply) => {
    readQuery(request, []);
    const [webhook] = addWebhooks(context, [readBody(request, webhookInput).url], null);
    await committedNow(context, reply);
    return reply.code(201).send(webhook);
  });
  app.post("/api/runs/:id/webhooks", ADD_TO_RUN, async (request, reply) => {
    readQuery(request, []);
    const [webhook] = addWebhooks(context, [readBody(request, webhookInput).url], paramOf(request, "id"));
    await committedNow(context, reply);
    return reply.code(201).send(webhook);
  });
  app.delete("/api/webhooks/:id", REMOVE, async (request, reply) => {
    readQuery(request, []);
    const webhook_id = paramOf(request, "id");
    const webhook = coordinator.loop.state.webhooks.get(webhook_id);
    execute(context, { type: "remove_webhook", webhook_id });
    await committedNow(context, reply);
    return reply.send(webhook === undefined ? { webhook_id } : viewOf(webhook));
  });
  app.get("/api/webhooks/deliveries", DELIVERIES, async (request, reply) => {
    readQuery(request, ["consistent"]);
    return sendCommitted(context, reply, (state) => ({ items: deliveryViews(state, automation) }));
  });
  app.post("/api/webhooks/deliveries/:id/redeliver", REDELIVER, async (request, reply) => {
    readQuery(request, []);
    const delivery_id = paramOf(request, "id");
    execute(context, { type: "redeliver_webhook", delivery_id });
    const delivery = coordinator.loop.state.deliveries.get(delivery_id);
    await committedNow(context, reply);
    if (delivery === undefined) throw refusal("delivery_unknown", `no delivery ${delivery_id}`);
    return reply.send(deliveryView(delivery, automation));
  });
}

function execute({ coordinator }: HttpContext, command: Command): void {
  const decision = coordinator.loop.execute(command);
  if (decision.kind === "rejected") throw rejected(decision.rejection);
}

/** @throws Refusal when one of the addresses is not one that webhooks may have */
export function checkWebhooks({ automation }: HttpContext, urls: readonly string[]): void {
  for (const url of urls) {
    const reason = automation.refuseUrl(url);
    if (reason !== null) throw refusal("webhook_refused", reason);
  }
}

/** Of the yard, or of a run. @throws Refusal */
export function addWebhooks(
  context: HttpContext,
  urls: readonly string[],
  run_id: string | null,
): WebhookView[] {
  checkWebhooks(context, urls);
  const { state } = context.coordinator.loop;
  return urls.map((url) => {
    execute(context, { type: "add_webhook", webhook_id: newId(context), url, run_id });
    const known = run_id === null ? state.webhooks.values() : (state.runWebhooks.get(run_id) ?? []);
    const webhook = [...known].find((each) => each.url === url);
    if (webhook === undefined) throw new TypeError("a webhook that was added is there");
    return viewOf(webhook);
  });
}

function viewOf({ webhook_id, url, added_at }: Webhook): WebhookView {
  return { webhook_id, url, added_at };
}

function deliveryViews(state: State, automation: Automation): DeliveryView[] {
  const all = [...state.deliveries.values(), ...[...state.pastDeliveries.values()].reverse()];
  return all.map((delivery) => deliveryView(delivery, automation));
}

function deliveryView(delivery: Delivery, { deliveries }: Automation): DeliveryView {
  const { delivery_id, webhook_id, url, since, outcome, run } = delivery;
  const { run_id, ended } = run;
  const named = { delivery_id, webhook_id, url, run_id, ended, since };
  if (outcome === null) {
    const tries = deliveries.triesOf(delivery_id);
    const { attempts = 0, next_at = null, last: trouble = null } = tries ?? {};
    return { ...named, state: "waiting", attempts, next_at, ended_at: null, http_status: null, trouble };
  }
  const { at: ended_at, attempts } = outcome;
  const past = { ...named, attempts, next_at: null, ended_at };
  if (outcome.kind === "delivered") {
    return { ...past, state: "delivered", http_status: outcome.http_status, trouble: null };
  }
  const { code, reason } = outcome;
  return { ...past, state: "given_up", http_status: null, trouble: { code, reason } };
}
