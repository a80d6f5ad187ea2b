/**
 * One connection to a coordinator: dial, open, then signed frames both ways. The mirror of the worker
 * session.
 */
import {
  decodeChallenge,
  CLOSE,
  decodeCoordinatorFrame,
  PROTOCOL,
  type CoordinatorFrame,
  type WorkerFrame,
} from "../protocol/index.ts";
import type { Connection, Dialer, Random } from "../ports/index.ts";
import { createSession, type SignedSession } from "../security/index.ts";

export interface LinkOptions {
  url: string;
  dialer: Dialer;
  random: Random;
  secret: Uint8Array;
  highestEpoch: () => number;
  /** The session is signed from here on. */
  onOpen: (clusterId: string) => void;
  onFrame: (frame: CoordinatorFrame, epoch: number) => void;
  /** Called once, however it ended, also when no connection came about. */
  onClose: (code: number, reason: string) => void;
}

export class CoordinatorLink {
  readonly url: string;
  readonly #options: LinkOptions;
  readonly #nonce: string;
  #connection: Connection | null = null;
  #signed: SignedSession | null = null;
  #closed = false;

  constructor(options: LinkOptions) {
    this.url = options.url;
    this.#options = options;
    this.#nonce = Buffer.from(options.random.bytes(32)).toString("hex");
  }

  open(): void {
    this.#options.dialer.dial(this.url).then(
      (connection) => this.#dialled(connection),
      (cause: unknown) => this.#end(0, cause instanceof Error ? cause.message : String(cause)),
    );
  }

  send(frame: WorkerFrame): void {
    if (this.#closed || this.#signed === null) return;
    this.#connection?.send(this.#signed.seal({ ...frame, epoch: this.#options.highestEpoch() }));
  }

  close(): void {
    this.#closed = true;
    this.#connection?.close(CLOSE.goingAway, "the worker stops");
  }

  /** Gives the connection up and reports it as closed. */
  fail(reason: string, code: number = CLOSE.badFrame): void {
    this.#connection?.close(code, reason);
    this.#end(code, reason);
  }

  #end(code: number, reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose(code, reason);
  }

  #dialled(connection: Connection): void {
    if (this.#closed) return connection.close(CLOSE.goingAway, "the worker stops");
    this.#connection = connection;
    connection.onMessage((text) => this.#receive(text));
    connection.onClose((code, reason) => this.#end(code, reason));
    connection.send(JSON.stringify({ type: "open", protocol: PROTOCOL, nonce: this.#nonce }));
  }

  #receive(text: string): void {
    if (this.#closed) return;
    if (this.#signed === null) return this.#challenged(text);
    const opened = this.#signed.open(text);
    if (!opened.ok)
      return this.fail(opened.reason, opened.code === "bad_signature" ? CLOSE.badSignature : CLOSE.badFrame);
    const { epoch, type, body } = opened.envelope;
    if (epoch < this.#options.highestEpoch())
      return this.fail("a frame of an epoch that is over", CLOSE.notLeader);
    const decoded = decodeCoordinatorFrame(type, body);
    if (!decoded.ok) return this.fail(decoded.reason);
    this.#options.onFrame(decoded.frame, epoch);
  }

  #challenged(text: string): void {
    const challenge = decodeChallenge(text);
    if (challenge === null) return this.fail("no challenge came");
    if (challenge.protocol.min > PROTOCOL.max || challenge.protocol.max < PROTOCOL.min) {
      const { min, max } = challenge.protocol;
      return this.fail(`the coordinator speaks protocol ${min} to ${max}`, CLOSE.protocolVersion);
    }
    const { secret, onOpen } = this.#options;
    const { cluster_id: clusterId, nonce: coordinatorNonce } = challenge;
    this.#signed = createSession("worker", { secret, clusterId, workerNonce: this.#nonce, coordinatorNonce });
    onOpen(clusterId);
  }
}
