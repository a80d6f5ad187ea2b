/** What a leader does by itself: it tells receivers of the ends of runs, and starts what is scheduled. */
import type { Clock, HttpsPoster, Logger, Resolver } from "../ports/index.ts";
import type { Schedule, Submit } from "../core/index.ts";
import type { Committed, Loop } from "./loop.ts";
import { Schedules } from "./schedules/index.ts";
import { checkUrl, Deliveries, NO_WEBHOOKS, type WebhookPolicy } from "./webhooks/index.ts";

/** How webhooks leave the machine. Without it none does. */
export interface WebhookPorts {
  policy: WebhookPolicy;
  resolver: Resolver;
  poster: HttpsPoster;
}

const NO_PORTS: WebhookPorts = {
  policy: NO_WEBHOOKS,
  resolver: { addresses: async () => [] },
  poster: { post: () => Promise.reject(new Error("this coordinator sends no webhooks")) },
};

export interface AutomationOptions {
  loop: Loop;
  clock: Clock;
  logger: Logger;
  webhooks?: WebhookPorts;
  webhookSecret: string;
  yardUrl: () => string;
  submission: (schedule: Schedule) => Promise<Submit>;
}

export class Automation {
  readonly deliveries: Deliveries;
  readonly schedules: Schedules;
  readonly #policy: WebhookPolicy;

  constructor({ webhooks = NO_PORTS, webhookSecret: secret, ...options }: AutomationOptions) {
    this.#policy = webhooks.policy;
    this.deliveries = new Deliveries({ ...options, way: { ...webhooks, secret } });
    this.schedules = new Schedules(options);
  }

  /** Once the coordinator leads. */
  start(): void {
    this.deliveries.start();
    this.schedules.start();
  }

  stop(): void {
    this.deliveries.stop();
    this.schedules.stop();
  }

  committed(committed: Committed): void {
    this.deliveries.committed(committed);
    this.schedules.committed(committed);
  }

  /** Why a webhook may not have this address; null when it may. */
  refuseUrl(url: string): string | null {
    return checkUrl(this.#policy, url)?.reason ?? null;
  }
}
