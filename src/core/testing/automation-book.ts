/** The judge's own picture of webhooks, their deliveries, and the times of schedules. */
import type { Event, RunEnded } from "../event.ts";
import type { Must } from "./worker-book.ts";

export class AutomationBook {
  /** Webhook to the run that it is for, null for all. */
  readonly #hooks = new Map<string, { webhookId: string; runId: string | null }>();
  readonly #waiting = new Set<string>();
  readonly #settled = new Map<string, number>();

  runEnded({ run_id, ended }: RunEnded): void {
    for (const { webhookId, runId } of this.#hooks.values()) {
      if (runId === null || runId === run_id) this.#waiting.add(`msg_${run_id}_${ended}_${webhookId}`);
    }
  }

  see(event: Event, { at, must }: { at: number; must: Must }): void {
    switch (event.type) {
      case "WebhookAdded":
        this.#hooks.set(event.webhook_id, { webhookId: event.webhook_id, runId: null });
        return;
      case "WebhookRequested": {
        const { webhook_id: webhookId, run_id: runId } = event;
        this.#hooks.set(`${runId} ${webhookId}`, { webhookId, runId });
        return;
      }
      case "WebhookRemoved":
        this.#hooks.delete(event.webhook_id);
        return;
      case "WebhookDelivered":
      case "WebhookGivenUp":
        return must(this.#waiting.delete(event.delivery_id), "what is settled has waited");
      case "WebhookRedelivered":
        must(!this.#waiting.has(event.delivery_id), "what is sent again has been settled");
        this.#waiting.add(event.delivery_id);
        return;
      case "ScheduleFired":
        if (event.by === "time") this.#settle(event, { at, must });
        return;
      case "ScheduleSkipped":
        return this.#settle(event, { at, must });
      default:
        return;
    }
  }

  #settle(
    { name, due_at }: { name: string; due_at: number },
    { at, must }: { at: number; must: Must },
  ): void {
    must(due_at > (this.#settled.get(name) ?? 0), "a time is settled once, in order");
    must(due_at <= at, "a time is settled when it has come");
    this.#settled.set(name, due_at);
  }
}
