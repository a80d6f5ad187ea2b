/**
 * What the shells ask of the world. Coordinator and worker are written against these, the real ones are in
 * platform/, the simulated ones in sim/: the same code runs on a machine and under virtual time.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time, milliseconds since 1970. May jump. */
  now(): number;
  /** Milliseconds since some moment. Never goes back; for every duration and deadline. */
  monotonic(): number;
  /** Calls once, not before `delayMs` from now. */
  after(delayMs: number, call: () => void): Timer;
  /** Calls as soon as what is already waiting has had its turn. */
  soon(call: () => void): void;
}

export interface Random {
  bytes(count: number): Uint8Array;
  /** A float in [0, 1). */
  unit(): number;
}

/** An open, ordered, message-keeping connection: a WebSocket, or its simulation. */
export interface Connection {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes handed over and not yet on the wire. */
  bufferedBytes(): number;
  onMessage(call: (text: string) => void): void;
  /** Called once, however it ended. */
  onClose(call: (code: number, reason: string) => void): void;
}

export interface Dialer {
  /** Resolves with an open connection; rejects when none could be made. */
  dial(url: string): Promise<Connection>;
}

/** A few small records that survive the process: results not yet acknowledged. */
export interface Spool {
  /** Resolves once the record is on disk. */
  put(key: string, text: string): Promise<void>;
  remove(key: string): Promise<void>;
  all(): Promise<{ key: string; text: string }[]>;
}

export type LogFields = Record<string, string | number | boolean | null | undefined>;

export interface Logger {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** Names to addresses. */
export interface Resolver {
  /** Every address of the name. Rejects when there is none. */
  addresses(host: string): Promise<string[]>;
}

export interface HttpsPost {
  url: URL;
  /** Connected to, whatever the name in the URL resolves to by now. */
  address: string;
  headers: Record<string, string>;
  body: string;
  /** For everything, from the connection to the last byte of the answer. */
  timeoutMs: number;
}

export interface HttpsPoster {
  /** Resolves with whatever was answered, redirects too; rejects when nothing was. */
  post(request: HttpsPost): Promise<{ status: number }>;
}
