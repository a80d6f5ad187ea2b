/**
 * The signed session between a worker and its coordinator.
 *
 * Both sides hold one secret and exchange nonces in the clear; HKDF makes one key per direction from them, so
 * that no frame of another connection, and no frame reflected to its sender, carries a valid mac. The mac
 * covers the payload bytes exactly as sent and is checked before anything is parsed. The counter is the last
 * one plus 1, without a window: a frame replayed, skipped or reordered ends the connection.
 */
import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { decodeEnvelope, MAX_FRAME_BYTES, type Envelope } from "../protocol/index.ts";

export type Side = "worker" | "coordinator";

export interface SessionSecrets {
  /** The shared secret, 32 bytes. */
  secret: Uint8Array;
  /** Hex, 32 bytes each. */
  workerNonce: string;
  coordinatorNonce: string;
  clusterId: string;
}

export type Opened =
  | { ok: true; envelope: Envelope }
  | { ok: false; code: "bad_signature" | "bad_frame"; reason: string };

export interface SignedSession {
  /** The text to send. */
  seal(frame: { type: string; body: unknown; epoch: number }): string;
  open(text: string): Opened;
}

const MAC_CHARS = 64;

export function createSession(side: Side, secrets: SessionSecrets): SignedSession {
  const other = side === "worker" ? "coordinator" : "worker";
  const sendKey = directionKey(side, secrets);
  const receiveKey = directionKey(other, secrets);
  let sent = 0;
  let received = 0;
  return {
    seal({ type, body, epoch }) {
      sent += 1;
      const payload = JSON.stringify({ v: 1, epoch, ctr: sent, type, id: `${side.charAt(0)}${sent}`, body });
      return `${macOf(sendKey, side, payload)}.${payload}`;
    },
    open(text) {
      if (text.length > MAX_FRAME_BYTES)
        return { ok: false, code: "bad_frame", reason: "the frame is too large" };
      const payload = text.slice(MAC_CHARS + 1);
      const mac = text.slice(0, MAC_CHARS);
      if (text.charAt(MAC_CHARS) !== "." || !isEqual(mac, macOf(receiveKey, other, payload))) {
        return { ok: false, code: "bad_signature", reason: "the signature of the frame is wrong" };
      }
      const parsed = decodeEnvelope(payload);
      if (parsed === null) return { ok: false, code: "bad_frame", reason: "the frame is not an envelope" };
      if (parsed.ctr !== received + 1) {
        return { ok: false, code: "bad_frame", reason: `frame ${parsed.ctr} after ${received}` };
      }
      received = parsed.ctr;
      return { ok: true, envelope: parsed };
    },
  };
}

function directionKey(sender: Side, secrets: SessionSecrets): Uint8Array {
  const salt = Buffer.from(secrets.workerNonce + secrets.coordinatorNonce, "hex");
  const info = `testyard frame v1 ${secrets.clusterId} from ${sender}`;
  return new Uint8Array(hkdfSync("sha256", secrets.secret, salt, info, 32));
}

function macOf(key: Uint8Array, sender: Side, payload: string): string {
  return createHmac("sha256", key).update(sender).update("\n").update(payload).digest("hex");
}

function isEqual(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
