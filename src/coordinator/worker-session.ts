/**
 * One worker's connection: opening, signed frames, counters, and the limits on both.
 *
 * The session knows the wire and nothing of tasks; whole frames go to its owner. Whatever is wrong with a
 * frame ends the connection with a close code that says what it was; the lease goes on meanwhile.
 */
import {
  CLOSE,
  decodeOpen,
  decodeWorkerFrame,
  MAX_FRAME_BYTES,
  PROTOCOL,
  type CoordinatorFrame,
  type WorkerFrame,
} from "../protocol/index.ts";
import type { Connection, Random } from "../ports/index.ts";
import { createSession, type SignedSession } from "../security/index.ts";

export interface SessionOptions {
  connection: Connection;
  random: Random;
  clusterId: string;
  secret: Uint8Array;
  epoch: () => number;
  maxBufferedBytes: number;
  onFrame: (frame: WorkerFrame) => void;
  onClose: (code: number, reason: string) => void;
}

export class WorkerSession {
  readonly #options: SessionOptions;
  #signed: SignedSession | null = null;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    options.connection.onMessage((text) => this.#receive(text));
    options.connection.onClose((code, reason) => {
      this.#closed = true;
      options.onClose(code, reason);
    });
  }

  send(frame: CoordinatorFrame): void {
    if (this.#closed || this.#signed === null) return;
    const { connection, maxBufferedBytes, epoch } = this.#options;
    if (connection.bufferedBytes() > maxBufferedBytes) {
      return this.close(CLOSE.slowConsumer, "the worker reads too slowly");
    }
    connection.send(this.#signed.seal({ ...frame, epoch: epoch() }));
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.connection.close(code, reason);
  }

  #receive(text: string): void {
    if (this.#closed) return;
    if (text.length > MAX_FRAME_BYTES) return this.close(CLOSE.badFrame, "the frame is too large");
    if (this.#signed === null) return this.#challenge(text);
    const opened = this.#signed.open(text);
    if (!opened.ok) {
      return this.close(opened.code === "bad_signature" ? CLOSE.badSignature : CLOSE.badFrame, opened.reason);
    }
    const decoded = decodeWorkerFrame(opened.envelope.type, opened.envelope.body);
    if (!decoded.ok) return this.close(CLOSE.badFrame, decoded.reason);
    this.#options.onFrame(decoded.frame);
  }

  /** Answers the opening frame with our nonce; from here on every frame is signed. */
  #challenge(text: string): void {
    const open = decodeOpen(text);
    if (open === null) return this.close(CLOSE.badFrame, "expected an opening frame");
    if (open.protocol.min > PROTOCOL.max || open.protocol.max < PROTOCOL.min) {
      return this.close(CLOSE.protocolVersion, `protocol ${PROTOCOL.min} to ${PROTOCOL.max} is spoken here`);
    }
    const { random, clusterId, secret, connection } = this.#options;
    const nonce = Buffer.from(random.bytes(32)).toString("hex");
    this.#signed = createSession("coordinator", {
      secret,
      clusterId,
      workerNonce: open.nonce,
      coordinatorNonce: nonce,
    });
    connection.send(JSON.stringify({ type: "challenge", protocol: PROTOCOL, cluster_id: clusterId, nonce }));
  }
}
