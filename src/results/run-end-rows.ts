/** Rows about runs as a whole: their ends, what was told of these, and what schedules started. */
import type * as Core from "../core/index.ts";
import type { RowSink } from "./appenders.ts";
import type { Moment } from "./event-rows.ts";

export function addRunEnd(event: Core.RunEnded, { at, position }: Moment, sink: RowSink): void {
  const { run_id, ended, total, counts, verdict } = event;
  sink.add("run_ends", { run_id, ended, ended_at: at, log_position: position, total, ...counts, verdict });
}

export function addDelivery(
  event: Core.WebhookDelivered | Core.WebhookGivenUp,
  { at: recorded_at }: Moment,
  sink: RowSink,
): void {
  const { delivery_id, webhook_id, run_id, attempts } = event;
  const end =
    event.type === "WebhookDelivered"
      ? { outcome: "delivered", http_status: event.http_status, code: null, reason: null }
      : { outcome: "given_up", http_status: null, code: event.code, reason: event.reason };
  sink.add("webhook_deliveries", { recorded_at, delivery_id, webhook_id, run_id, ...end, attempts });
}

export function addScheduleTime(
  event: Core.ScheduleFired | Core.ScheduleSkipped,
  { at: recorded_at }: Moment,
  sink: RowSink,
): void {
  const { name: schedule, due_at } = event;
  const end =
    event.type === "ScheduleFired"
      ? { outcome: event.by, run_id: event.run_id, reason: null }
      : { outcome: event.cause, run_id: null, reason: event.reason };
  sink.add("schedule_times", { recorded_at, schedule, due_at, ...end });
}
