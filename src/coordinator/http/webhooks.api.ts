import { deliveryList, deliveryView, webhookInput, webhookList, webhookView } from "../../protocol/index.ts";
import { CONSISTENT, described } from "./openapi/describe.ts";

const group = "webhooks";
const query = { consistent: CONSISTENT };

export const LIST = described({
  id: "listWebhooks",
  group,
  summary: "Who is told of the ends of all runs",
  query,
  answers: webhookList,
});
export const ADD = described({
  id: "addWebhook",
  group,
  summary: "Tells the ends of all runs to an address; one that is there already is answered as it is",
  takes: webhookInput,
  status: 201,
  answers: webhookView,
  problems: ["webhook_refused", "webhook_limit"],
});
export const ADD_TO_RUN = described({
  id: "addRunWebhook",
  group,
  summary: "Tells the ends of one run to an address",
  params: { id: "The run's id." },
  takes: webhookInput,
  status: 201,
  answers: webhookView,
  problems: ["run_unknown", "webhook_refused", "webhook_limit"],
});
export const REMOVE = described({
  id: "removeWebhook",
  group,
  summary: "Tells it nothing more; what waits to be delivered there is given up",
  params: { id: "The webhook's id." },
  answers: webhookView,
  problems: ["webhook_unknown"],
});
export const DELIVERIES = described({
  id: "listDeliveries",
  group,
  summary: "What waits to be told, and how the newest tellings came out",
  query,
  answers: deliveryList,
});
export const REDELIVER = described({
  id: "redeliver",
  group,
  summary: "Sends a delivery that has ended once more, under the same id",
  params: { id: "The delivery's id." },
  answers: deliveryView,
  problems: ["delivery_unknown", "webhook_limit"],
});
