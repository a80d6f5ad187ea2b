/**
 * WebSockets as the ports' connections, for both ends.
 *
 * `ws` has neither a limit of its own nor a notion of a peer that has silently gone: a frame larger than ours
 * is refused while it arrives, and every 10 s a ping asks whether somebody is there; after two unanswered
 * ones the socket is cut. What the other side sends anyhow counts as an answer.
 */
import { WebSocket } from "ws";
import type { RawData } from "ws";
import type { Connection, Dialer } from "../ports/index.ts";

const PING_MS = 10_000;
const MISSES = 2;
const MAX_FRAME_BYTES = 1024 * 1024;
const SLACK_BYTES = 4 * 1024;
const DIAL_TIMEOUT_MS = 10_000;
/** Between our close frame and the other side's; then the socket is cut. */
const CLOSE_TIMEOUT_MS = 2000;

/** For whoever makes the other kind of socket: the largest message to accept, in bytes. */
export const WS_MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES + SLACK_BYTES;

export interface WsOptions {
  headers?: Record<string, string>;
  pingMs?: number;
  dialTimeoutMs?: number;
  /** PEM certificates to trust beside the system's. */
  ca?: string;
}

export function createWsDialer(options: WsOptions = {}): Dialer {
  return { dial: (url) => dial(url, options) };
}

function dial(url: string, options: WsOptions): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, {
      maxPayload: WS_MAX_PAYLOAD_BYTES,
      perMessageDeflate: false,
      handshakeTimeout: options.dialTimeoutMs ?? DIAL_TIMEOUT_MS,
      // A redirect would carry the headers to an address that nobody chose.
      followRedirects: false,
      ...(options.headers !== undefined && { headers: options.headers }),
      ...(options.ca !== undefined && { ca: options.ca }),
    });
    const connection = wrapWebSocket(ws, options);
    ws.once("open", () => resolve(connection));
    ws.once("error", reject);
    ws.once("close", () => reject(new Error(`${url}: closed before it was open`)));
  });
}

/** @param ws open or opening; nothing may have been read from it yet */
export function wrapWebSocket(ws: WebSocket, options: Pick<WsOptions, "pingMs"> = {}): Connection {
  const messages = new Inbox<[string]>();
  const closings = new Inbox<[number, string]>();
  const stopPings = keepAsking(ws, options.pingMs ?? PING_MS);
  ws.on("message", (data, isBinary) => {
    if (isBinary) ws.close(1003, "text frames only");
    else messages.put(textOf(data));
  });
  ws.on("error", () => {}); // A close always follows, and says the rest.
  ws.once("close", (code, reason) => {
    stopPings();
    closings.put(code, reason.toString("utf8"));
  });
  return {
    send: (text) => {
      if (ws.readyState === WebSocket.OPEN) ws.send(text, { binary: false }, () => {});
    },
    close: (code, reason) => close(ws, code, reason),
    bufferedBytes: () => ws.bufferedAmount,
    onMessage: (call) => messages.to(call),
    onClose: (call) => closings.to(call),
  };
}

/** Keeps what arrives before anybody listens: a frame may share its packet with the end of the handshake. */
class Inbox<T extends unknown[]> {
  #call: ((...item: T) => void) | null = null;
  #held: T[] = [];

  put(...item: T): void {
    if (this.#call === null) this.#held.push(item);
    else this.#call(...item);
  }

  to(call: (...item: T) => void): void {
    const held = this.#held;
    [this.#call, this.#held] = [call, []];
    for (const item of held) call(...item);
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString("utf8");
  return Buffer.isBuffer(data) ? data.toString("utf8") : Buffer.from(data).toString("utf8");
}

function close(ws: WebSocket, code: number, reason: string): void {
  if (ws.readyState === WebSocket.CLOSED) return;
  const timer = setTimeout(() => ws.terminate(), CLOSE_TIMEOUT_MS);
  ws.once("close", () => clearTimeout(timer));
  ws.close(code, shortened(reason));
}

/** The protocol gives a reason 123 bytes. */
function shortened(reason: string): string {
  let text = reason.slice(0, 123);
  while (Buffer.byteLength(text) > 123) text = text.slice(0, -1);
  return text;
}

function keepAsking(ws: WebSocket, pingMs: number): () => void {
  let unanswered = 0;
  const heard = () => {
    unanswered = 0;
  };
  for (const event of ["pong", "ping", "message"]) ws.on(event, heard);
  const timer = setInterval(() => {
    if (ws.readyState !== WebSocket.OPEN) return;
    if (unanswered >= MISSES) return ws.terminate();
    unanswered += 1;
    ws.ping();
  }, pingMs);
  return () => clearInterval(timer);
}
