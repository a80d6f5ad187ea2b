export type { Way } from "./attempt.ts";
export { Deliveries, type Tries } from "./deliveries.ts";
export { checkUrl, NO_WEBHOOKS, type WebhookPolicy } from "./policy.ts";
