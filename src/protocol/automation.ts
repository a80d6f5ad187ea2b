/** Webhooks and schedules, as the HTTP API takes and shows them. */
import * as z from "zod/mini";
import { named } from "./named.ts";
import { project } from "./requests.ts";
import { taskInput } from "./task-input.ts";

const text = z.string();
const time = z.number().check(z.describe("Milliseconds since 1970."));
const count = z.int().check(z.minimum(0));
const trouble = z.object({ code: text, reason: text });

export const webhookInput = named(
  "WebhookInput",
  z.strictObject({ url: z.string().check(z.minLength(1), z.maxLength(2_000)) }),
  "Where the ends of runs are told: an https address whose host the coordinator was started with.",
);

export const webhookView = named(
  "Webhook",
  z.object({ webhook_id: text, url: text, added_at: time }),
  "An address that is told of the ends of runs.",
);

export const webhookList = named(
  "WebhookList",
  z.object({ items: z.array(webhookView) }),
  "Webhooks in the order in which they were added.",
);

export const deliveryView = named(
  "WebhookDelivery",
  z.object({
    delivery_id: text.check(z.describe("Sent as `webhook-id`, the same on every try.")),
    webhook_id: text,
    url: text,
    run_id: text,
    ended: z.int().check(z.describe("Which end of the run: 1 for the first.")),
    state: z.enum(["waiting", "delivered", "given_up"]),
    since: time,
    attempts: count.check(z.describe("Tries by the coordinator that runs, or by the one that settled it.")),
    next_at: z.nullable(time),
    ended_at: z.nullable(time),
    http_status: z.nullable(z.int()),
    trouble: z.nullable(trouble).check(z.describe("What the last try met.")),
  }),
  "One telling of one end of a run to one address.",
);

export const deliveryList = named(
  "WebhookDeliveryList",
  z.object({ items: z.array(deliveryView) }),
  "Deliveries: those that wait, then the newest 1,000 that ended, newest first.",
);

const cron = z.string().check(z.minLength(1), z.maxLength(200));

export const scheduleInput = named(
  "ScheduleInput",
  z.strictObject({
    name: z
      .string()
      .check(
        z.regex(
          /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
          "a schedule's name has 1 to 64 letters, digits, dots, dashes and underscores",
        ),
      ),
    project: z.optional(project),
    cron: cron.check(z.describe("Minute, hour, day of the month, month, weekday; or `@daily` and the like.")),
    timezone: z
      .optional(z.string().check(z.minLength(1), z.maxLength(64)))
      .check(z.describe("IANA name; UTC unless given.")),
    overlap: z
      .optional(z.enum(["skip", "allow"]))
      .check(
        z.describe("What happens when a time comes while the run before is still open: `skip` unless given."),
      ),
    tasks: z
      .array(taskInput)
      .check(z.minLength(1, "expected at least one task"), z.maxLength(100, "at most 100 tasks")),
  }),
  "A schedule to make, or to replace as a whole.",
);

export const scheduleView = named(
  "Schedule",
  z.object({
    name: text,
    project: text,
    cron: text,
    timezone: text,
    overlap: z.enum(["skip", "allow"]),
    set_at: time,
    next_at: z.nullable(time),
    last: z.nullable(z.object({ run_id: text, due_at: time, by: z.enum(["time", "hand"]) })),
    skipped: z.nullable(
      z.object({ due_at: time, cause: z.enum(["overlap", "missed", "refused"]), reason: text }),
    ),
  }),
  "A schedule: its times, its last run, and the newest time since then that started nothing.",
);

export const scheduleList = named(
  "ScheduleList",
  z.object({ items: z.array(scheduleView) }),
  "Schedules in the order in which they were made.",
);

export type WebhookView = z.infer<typeof webhookView>;
export type DeliveryView = z.infer<typeof deliveryView>;
export type ScheduleInput = z.infer<typeof scheduleInput>;
export type ScheduleView = z.infer<typeof scheduleView>;
