/**
 * Webhooks: who wants to be told of the ends of runs, and the deliveries that are due.
 *
 * A delivery is not asked for by an event of its own: `RunEnded` makes one for each webhook there is at that
 * moment, so no crash can lose one, and a leader that starts finds in the state what is outstanding. How it
 * went is an event. What was tried in vain is not: the moments of the tries follow from the moment at which
 * the delivery came up, so that a restart neither forgets nor multiplies them.
 *
 * Each delivery carries what its body says: it may outlive its run in memory.
 */
import { assert } from "./assert.ts";
import type { AddWebhook, RedeliverWebhook, RemoveWebhook, SettleDelivery } from "./command.ts";
import { accept, reject, type Decision } from "./decision.ts";
import type { Event, RunEnded, WebhookDelivered, WebhookGivenUp } from "./event.ts";
import type { RunId } from "./ids.ts";
import type { RunEnd } from "./run-end.ts";
import type { Run, State } from "./state.ts";

export interface Webhook {
  readonly webhook_id: string;
  readonly url: string;
  readonly added_at: number;
}

/** The run as it was at its end. */
export type EndedRun = Pick<Run, "project" | "run_key" | "name" | "opened_at" | "superseded"> & RunEnd;

export interface Delivery {
  /** The same on every try: receivers know by it what they have seen. */
  readonly delivery_id: string;
  readonly webhook_id: string;
  readonly url: string;
  readonly run: EndedRun;
  /** When it came up, or was last asked for again. */
  readonly since: number;
  readonly outcome: DeliveryOutcome | null;
}

export type DeliveryOutcome =
  | { kind: "delivered"; at: number; http_status: number; attempts: number }
  | { kind: "given_up"; at: number; code: string; reason: string; attempts: number };

export const WEBHOOK_LIMIT = 100;
const RUN_WEBHOOK_LIMIT = 10;
/** Deliveries that may wait at a time; what comes beyond is given up at once. */
export const WAITING_LIMIT = 10_000;
/** Past deliveries that can be looked at and asked for again. */
const PAST_LIMIT = 1_000;

export function addWebhook(state: State, { webhook_id, url, run_id }: AddWebhook): Decision {
  if (run_id !== null) return requestWebhook(state, { webhook_id, url, run_id });
  for (const known of state.webhooks.values()) if (known.url === url) return accept([]);
  if (state.webhooks.size >= WEBHOOK_LIMIT) {
    return reject("webhook_limit", `a yard has at most ${WEBHOOK_LIMIT} webhooks; remove one first`);
  }
  return accept([{ type: "WebhookAdded", v: 1, webhook_id, url }]);
}

function requestWebhook(
  state: State,
  { webhook_id, url, run_id }: Omit<AddWebhook, "type"> & { run_id: RunId },
): Decision {
  if (!state.runs.has(run_id)) return reject("run_unknown", `no run ${run_id}`);
  const known = state.runWebhooks.get(run_id) ?? [];
  if (known.some((webhook) => webhook.url === url)) return accept([]);
  if (known.length >= RUN_WEBHOOK_LIMIT) {
    return reject("webhook_limit", `a run has at most ${RUN_WEBHOOK_LIMIT} webhooks`);
  }
  return accept([{ type: "WebhookRequested", v: 1, run_id, webhook_id, url }]);
}

export function removeWebhook(state: State, { webhook_id }: RemoveWebhook): Decision {
  if (!state.webhooks.has(webhook_id)) return reject("webhook_unknown", `no webhook ${webhook_id}`);
  const waiting = [...state.deliveries.values()].filter((delivery) => delivery.webhook_id === webhook_id);
  const why = { code: "webhook_removed", reason: "its webhook was removed", attempts: 0 };
  return accept([
    { type: "WebhookRemoved", v: 1, webhook_id },
    ...waiting.map((delivery) => givenUp(delivery, why)),
  ]);
}

export function settleDelivery(state: State, { delivery_id, outcome }: SettleDelivery): Decision {
  const delivery = state.deliveries.get(delivery_id);
  // Its webhook is gone, or it was settled before.
  if (delivery === undefined) return accept([]);
  if (outcome.kind === "given_up") return accept([givenUp(delivery, outcome)]);
  const { webhook_id, run } = delivery;
  const { http_status, attempts } = outcome;
  const { run_id } = run;
  return accept([{ type: "WebhookDelivered", v: 1, delivery_id, webhook_id, run_id, http_status, attempts }]);
}

export function redeliverWebhook(state: State, { delivery_id }: RedeliverWebhook): Decision {
  if (state.deliveries.has(delivery_id)) return accept([]);
  if (!state.pastDeliveries.has(delivery_id)) {
    const message = `no delivery ${delivery_id}: the newest ${PAST_LIMIT} that ended are remembered`;
    return reject("delivery_unknown", message);
  }
  if (state.deliveries.size >= WAITING_LIMIT) return reject("webhook_limit", tooManyWait());
  return accept([{ type: "WebhookRedelivered", v: 1, delivery_id }]);
}

function givenUp(
  { delivery_id, webhook_id, run }: Pick<Delivery, "delivery_id" | "webhook_id"> & { run: { run_id: RunId } },
  { code, reason, attempts }: { code: string; reason: string; attempts: number },
): WebhookGivenUp {
  const { run_id } = run;
  return { type: "WebhookGivenUp", v: 1, delivery_id, webhook_id, run_id, code, reason, attempts };
}

function tooManyWait(): string {
  return `${WAITING_LIMIT} deliveries wait already`;
}

/** What these ends would make wait beyond the limit, given up in the same breath. */
export function overflowing(state: State, ends: readonly RunEnded[]): Event[] {
  if (ends.length === 0 || (state.webhooks.size === 0 && state.runWebhooks.size === 0)) return [];
  const due = ends.flatMap((end) => webhooksOf(state, end.run_id).map((webhook) => ({ webhook, end })));
  const room = Math.max(0, WAITING_LIMIT - state.deliveries.size);
  const why = { code: "too_many_deliveries", reason: tooManyWait(), attempts: 0 };
  return due.slice(room).map(({ webhook: { webhook_id }, end }) => {
    const delivery_id = deliveryId(end, webhook_id);
    return givenUp({ delivery_id, webhook_id, run: end }, why);
  });
}

function webhooksOf(state: State, runId: RunId): Webhook[] {
  return [...state.webhooks.values(), ...(state.runWebhooks.get(runId) ?? [])];
}

/** Without a dot, which parts the id from the rest of what is signed. */
function deliveryId({ run_id, ended }: Pick<RunEnd, "run_id" | "ended">, webhookId: string): string {
  return `msg_${run_id}_${ended}_${webhookId}`;
}

export function awaitDeliveries(state: State, run: Run, end: RunEnd): void {
  for (const { webhook_id, url } of webhooksOf(state, run.run_id)) {
    const { project, run_key, name, opened_at } = run;
    const delivery_id = deliveryId(end, webhook_id);
    const superseded = { ...run.superseded };
    const ended = { project, run_key, name, opened_at, superseded, ...end };
    const delivery = { delivery_id, webhook_id, url, run: ended, since: state.at, outcome: null };
    state.deliveries.set(delivery_id, delivery);
  }
}

export function evolveWebhook(state: State, event: WebhookEvent): void {
  switch (event.type) {
    case "WebhookAdded":
      state.webhooks.set(event.webhook_id, saved(event, state.at));
      return;
    case "WebhookRemoved":
      state.webhooks.delete(event.webhook_id);
      return;
    case "WebhookRequested": {
      const known = state.runWebhooks.get(event.run_id) ?? [];
      state.runWebhooks.set(event.run_id, [...known, saved(event, state.at)]);
      return;
    }
    case "WebhookDelivered":
    case "WebhookGivenUp":
      return onSettled(state, event);
    case "WebhookRedelivered": {
      const past = state.pastDeliveries.get(event.delivery_id);
      assert(past !== undefined, () => `delivery ${event.delivery_id} has ended and is remembered`);
      state.pastDeliveries.delete(event.delivery_id);
      state.deliveries.set(event.delivery_id, { ...past, since: state.at, outcome: null });
    }
  }
}

export type WebhookEvent = Extract<Event, { type: `Webhook${string}` }>;

function saved({ webhook_id, url }: Pick<Webhook, "webhook_id" | "url">, added_at: number): Webhook {
  return { webhook_id, url, added_at };
}

function onSettled(state: State, event: WebhookDelivered | WebhookGivenUp): void {
  const { delivery_id, attempts } = event;
  const delivery = state.deliveries.get(delivery_id);
  assert(delivery !== undefined, () => `delivery ${delivery_id} waits until it is settled`);
  const outcome: DeliveryOutcome =
    event.type === "WebhookDelivered"
      ? { kind: "delivered", at: state.at, http_status: event.http_status, attempts }
      : { kind: "given_up", at: state.at, code: event.code, reason: event.reason, attempts };
  state.deliveries.delete(delivery_id);
  state.pastDeliveries.set(delivery_id, { ...delivery, outcome });
  for (const oldest of state.pastDeliveries.keys()) {
    if (state.pastDeliveries.size <= PAST_LIMIT) break;
    state.pastDeliveries.delete(oldest);
  }
}

export function checkDeliveries(state: State): void {
  assert(state.pastDeliveries.size <= PAST_LIMIT, "past deliveries have a limit");
  for (const { outcome } of state.deliveries.values()) assert(outcome === null, "what waits has no outcome");
}
