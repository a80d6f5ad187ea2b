/**
 * Events about webhooks: who is told of the ends of runs, and what became of each telling. That a delivery is
 * due needs no event: it follows from a `RunEnded` and the webhooks that there were at that moment.
 */
import type { RunId } from "./ids.ts";

/** From here on the ends of all runs are told to this address. */
export interface WebhookAdded {
  type: "WebhookAdded";
  v: 1;
  webhook_id: string;
  url: string;
}

/** What still waited to be delivered there is given up by events of its own. */
export interface WebhookRemoved {
  type: "WebhookRemoved";
  v: 1;
  webhook_id: string;
}

/** The ends of one run are told to this address. */
export interface WebhookRequested {
  type: "WebhookRequested";
  v: 1;
  run_id: RunId;
  webhook_id: string;
  url: string;
}

export interface WebhookDelivered {
  type: "WebhookDelivered";
  v: 1;
  delivery_id: string;
  webhook_id: string;
  run_id: RunId;
  /** The receiver's answer, 200 to 299. */
  http_status: number;
  /** By the coordinator that came through; those of a former one are not counted. */
  attempts: number;
}

export interface WebhookGivenUp {
  type: "WebhookGivenUp";
  v: 1;
  delivery_id: string;
  webhook_id: string;
  run_id: RunId;
  code: string;
  reason: string;
  attempts: number;
}

/** A delivery that had ended is wanted once more. */
export interface WebhookRedelivered {
  type: "WebhookRedelivered";
  v: 1;
  delivery_id: string;
}
