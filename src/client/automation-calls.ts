/** Webhooks and schedules, as functions. */
import type { DeliveryView, RunView, ScheduleInput, ScheduleView, WebhookView } from "../protocol/index.ts";
import type { Requests } from "./requests.ts";

export interface AutomationCalls {
  /** Who is told of the ends of all runs. */
  webhooks(): Promise<WebhookView[]>;
  /**
   * Of the yard, or of one run. An address that is there already is answered as it is.
   * @throws ApiError `webhook_refused`, `webhook_limit`, `run_unknown`
   */
  addWebhook(url: string, options?: { run_id?: string }): Promise<WebhookView>;
  /** What waits to be delivered there is given up. @throws ApiError `webhook_unknown` */
  removeWebhook(webhookId: string): Promise<WebhookView>;
  /** Those that wait, then the newest 1,000 that ended. */
  deliveries(): Promise<DeliveryView[]>;
  /** Once more, under the same id. @throws ApiError `delivery_unknown` */
  redeliver(deliveryId: string): Promise<DeliveryView>;
  /** With their next and last times. */
  schedules(): Promise<ScheduleView[]>;
  /**
   * Makes a schedule, or replaces the one of this name.
   * @throws ApiError `schedule_invalid`, `schedule_limit`
   */
  setSchedule(schedule: ScheduleInput): Promise<ScheduleView>;
  /** Its runs stay. @throws ApiError `schedule_unknown` */
  removeSchedule(name: string): Promise<ScheduleView>;
  /** Starts its tasks now, as a run of their own. @throws ApiError `schedule_unknown` */
  runSchedule(name: string): Promise<RunView>;
}

export function automationCalls(requests: Requests): AutomationCalls {
  const items = async <T>(path: string) => (await requests.json<{ items: T[] }>({ path })).items;
  const webhook = (id: string) => `/api/webhooks/${encodeURIComponent(id)}`;
  const schedule = (name: string) => `/api/schedules/${encodeURIComponent(name)}`;
  const post = { method: "POST", isRepeatable: true } as const;
  return {
    webhooks: () => items("/api/webhooks"),
    addWebhook(url, { run_id } = {}) {
      const path =
        run_id === undefined ? "/api/webhooks" : `/api/runs/${encodeURIComponent(run_id)}/webhooks`;
      return requests.json({ ...post, path, json: { url } });
    },
    removeWebhook: (id) => requests.json({ method: "DELETE", path: webhook(id) }),
    deliveries: () => items("/api/webhooks/deliveries"),
    redeliver: (id) =>
      requests.json({ ...post, path: `${webhook("deliveries")}/${encodeURIComponent(id)}/redeliver` }),
    schedules: () => items("/api/schedules"),
    setSchedule: (json) => requests.json({ ...post, path: "/api/schedules", json }),
    removeSchedule: (name) => requests.json({ method: "DELETE", path: schedule(name) }),
    runSchedule: (name) => requests.json({ method: "POST", path: `${schedule(name)}/run` }),
  };
}
