/**
 * Signatures after the scheme that standardwebhooks.com publishes, so that receivers find a library for it:
 * HMAC-SHA256 over id, time and body, as they are sent. The time is signed so that an old message cannot be
 * sent again by somebody who saw it; the id so that a receiver can tell a repetition from a new message.
 */
import { createHmac } from "node:crypto";

export interface SignedHeaders extends Record<string, string> {
  "webhook-id": string;
  "webhook-timestamp": string;
  "webhook-signature": string;
}

/** @param secret `whsec_` and the key in base64 */
export function sign(
  secret: string,
  { id, body, now }: { id: string; body: string; now: number },
): SignedHeaders {
  const timestamp = String(Math.floor(now / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${mac}` };
}
