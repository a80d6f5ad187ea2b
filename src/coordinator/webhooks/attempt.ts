/** One try of a delivery, from the name to the answer. */
import type { Delivery } from "../../core/index.ts";
import type { HttpsPoster, Resolver } from "../../ports/index.ts";
import { checkAddresses, checkUrl, hostOf, type Trouble, type WebhookPolicy } from "./policy.ts";
import { sign } from "./signature.ts";

export interface Way {
  policy: WebhookPolicy;
  secret: string;
  resolver: Resolver;
  poster: HttpsPoster;
}

export type AttemptEnd = { kind: "delivered"; http_status: number } | ({ kind: "failed" } & Trouble);

const LIMIT_MS = 5_000;

export async function attempt(
  { policy, secret, resolver, poster }: Way,
  { delivery, body, now }: { delivery: Delivery; body: string; now: number },
): Promise<AttemptEnd> {
  const refused = checkUrl(policy, delivery.url);
  if (refused !== null) return { kind: "failed", ...refused };
  const url = new URL(delivery.url);
  const host = hostOf(url);
  const addresses = await resolve(resolver, host);
  if (!Array.isArray(addresses)) return { kind: "failed", ...addresses };
  const wrong = checkAddresses(policy, host, addresses);
  const [address] = addresses;
  if (wrong !== null) return { kind: "failed", ...wrong };
  if (address === undefined) throw new TypeError("an empty list of addresses is refused");
  const signed = sign(secret, { id: delivery.delivery_id, body, now });
  const headers = { ...signed, "content-type": "application/json", "user-agent": "testyard" };
  try {
    return judge(await poster.post({ url, address, headers, body, timeoutMs: LIMIT_MS }));
  } catch (cause) {
    return { kind: "failed", ...troubleOf(cause) };
  }
}

async function resolve(resolver: Resolver, host: string): Promise<string[] | Trouble> {
  try {
    return await resolver.addresses(host);
  } catch (cause) {
    return { code: "webhook_unresolved", reason: `${host} does not resolve: ${messageOf(cause)}` };
  }
}

function judge({ status }: { status: number }): AttemptEnd {
  if (status >= 200 && status < 300) return { kind: "delivered", http_status: status };
  if (status >= 300 && status < 400) {
    const reason = `the receiver answered ${status}; redirects are not followed`;
    return { kind: "failed", code: "webhook_redirect", reason };
  }
  return { kind: "failed", code: "webhook_answer", reason: `the receiver answered ${status}` };
}

function troubleOf(cause: unknown): Trouble {
  const isLate = cause instanceof Error && "code" in cause && cause.code === "ETIMEDOUT";
  const code = isLate ? "webhook_timeout" : "webhook_unreachable";
  return { code, reason: messageOf(cause).slice(0, 500) };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
