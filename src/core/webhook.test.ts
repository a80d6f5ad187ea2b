import { describe, expect, it } from "vitest";
import * as a from "./testing/build.ts";
import { given, type Given } from "./testing/given.ts";
import { WAITING_LIMIT, WEBHOOK_LIMIT } from "./webhook.ts";

const hook = (webhook_id: string, run_id: string | null = null) =>
  ({ type: "add_webhook", webhook_id, url: `https://example.com/${webhook_id}`, run_id }) as const;
const yard = [a.claim, a.openRun, a.register("w1")];
const one = [a.submit([a.task("t1")]), ...a.run("t1", "passed")];
const waiting = ({ state }: Given) => [...state.deliveries.keys()];
const delivered = (delivery_id: string) =>
  ({
    type: "settle_delivery",
    delivery_id,
    outcome: { kind: "delivered", http_status: 200, attempts: 1 },
  }) as const;

describe("webhooks", () => {
  it("of the yard and of the run are due at its end, each once", () => {
    const after = given(yard, hook("h1"), hook("h2", "run"), one);
    expect(waiting(after)).toEqual(["msg_run_1_h1", "msg_run_1_h2"]);
    expect(after.state.deliveries.get("msg_run_1_h1")).toMatchObject({
      run: { run_id: "run", verdict: "passed", total: 1 },
    });
  });

  it("are due again at the next end", () => {
    const after = given(yard, hook("h1"), one, a.submit([a.task("t2")]), a.run("t2", "failed"));
    expect(waiting(after)).toEqual(["msg_run_1_h1", "msg_run_2_h1"]);
  });

  it("with an address that is there already are not added twice", () => {
    given(yard, hook("h1"))
      .when({ ...hook("h2"), url: "https://example.com/h1" })
      .then();
  });

  it("are limited in number", () => {
    const full = given(
      yard,
      Array.from({ length: WEBHOOK_LIMIT }, (_, i) => hook(`h${i}`)),
    );
    full.when(hook("more")).thenRejected("webhook_limit");
    full.when(hook("more", "run")).then({ type: "WebhookRequested" });
  });

  it("take along what waits for them when they are removed", () => {
    given(yard, hook("h1"), hook("h2"), one)
      .when({ type: "remove_webhook", webhook_id: "h1" })
      .then(
        { type: "WebhookRemoved" },
        { type: "WebhookGivenUp", delivery_id: "msg_run_1_h1", code: "webhook_removed" },
      );
    given(yard).when({ type: "remove_webhook", webhook_id: "h1" }).thenRejected("webhook_unknown");
  });
});

describe("a delivery", () => {
  it("is settled once", () => {
    const settled = given(yard, hook("h1"), one, delivered("msg_run_1_h1"));
    settled.when(delivered("msg_run_1_h1")).then();
    expect(waiting(settled)).toEqual([]);
  });

  it("that has ended can be asked for again, under the same id", () => {
    const settled = given(yard, hook("h1"), one, delivered("msg_run_1_h1"), 500);
    settled
      .when({ type: "redeliver_webhook", delivery_id: "msg_run_1_h1" })
      .then({ type: "WebhookRedelivered" });
    expect(settled.state.deliveries.get("msg_run_1_h1")).toMatchObject({ since: settled.yard.now });
    settled.when({ type: "redeliver_webhook", delivery_id: "msg_x" }).thenRejected("delivery_unknown");
  });

  it("beyond the number that may wait is given up at once", () => {
    const full = given(yard, hook("h1"), one);
    const [delivery] = full.state.deliveries.values();
    if (delivery === undefined) throw new Error("one delivery waits");
    for (let i = 1; i < WAITING_LIMIT; i++) full.state.deliveries.set(`msg_${i}`, delivery);
    full
      .and(a.submit([a.task("t2")]), a.assign("t2"), a.start("t2"))
      .when(a.finish("t2", "passed"))
      .then(
        { type: "AttemptFinished" },
        { type: "RunEnded" },
        { type: "WebhookGivenUp", delivery_id: "msg_run_2_h1", code: "too_many_deliveries" },
      );
  });
});
