/**
 * One HTTP request to the yard, repeated until somebody answers for good.
 *
 * A coordinator may be restarting, moving or cut off for minutes while attempts go on; nothing that an
 * attempt has to say may be lost for that. So a request ends in three ways only: an answer, a refusal that
 * would be the same next time, or the caller giving up. Every request here may be repeated safely: blobs are
 * named by their content, and log chunks by their place.
 *
 * The key is sent to addresses of the yard alone: redirects are read, not followed.
 */
import type { Clock, Random } from "../../ports/index.ts";
import { BulkAborted, BulkRefused } from "./errors.ts";

export interface BulkOptions {
  /** Of the coordinators: http, https, ws or wss; a path is ignored. */
  urls: readonly string[];
  /** Sent as a bearer token. */
  key: string;
  clock: Clock;
  random: Random;
}

export interface BulkRequest<T> {
  method: "GET" | "PUT" | "POST";
  path: string;
  headers?: Record<string, string>;
  /** A function makes it anew for each try. @param alive as below */
  body?: Uint8Array<ArrayBuffer> | string | ((alive: () => void) => AsyncIterable<Uint8Array>);
  /** @param alive to be called for every sign of life, or the request is taken for dead and repeated */
  read: (response: Response, alive: () => void) => Promise<T>;
  signal: AbortSignal;
}

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/** Without a byte for this long a request is cut and made again. */
const STALL_MS = 30_000;
/** The coordinator allows 20 connections to a key, and several workers may use the same one. */
const REQUESTS_AT_ONCE = 10;
const WAIT_ON = [401, 408, 425, 429];
const PROBLEM_BYTES = 64 * 1024;

export class BulkRequests {
  readonly #options: BulkOptions;
  #bases: string[];
  #at = 0;
  /** How often a base was chosen from outside. */
  #chosen = 0;
  #running = 0;
  readonly #queue: (() => void)[] = [];
  readonly #sleeping = new Set<() => void>();
  readonly #closed = new AbortController();

  constructor(options: BulkOptions) {
    this.#options = options;
    this.#bases = [...new Set(options.urls.map(originOf))];
  }

  /** The coordinator that leads now; what waits for another try is tried at once. */
  setBase(url: string): void {
    const base = originOf(url);
    if (!this.#bases.includes(base)) this.#bases.push(base);
    this.#at = this.#bases.indexOf(base);
    this.#chosen += 1;
    wakeAll(this.#sleeping);
  }

  close(): void {
    this.#closed.abort();
    wakeAll(this.#sleeping);
  }

  /** @throws BulkRefused @throws BulkAborted */
  async request<T>(request: BulkRequest<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      this.#throwIfGivenUp(request.signal);
      const chosen = this.#chosen;
      const outcome = await this.#limited(() => this.#once(request));
      if (outcome.kind === "answer") return outcome.value;
      if (chosen !== this.#chosen) continue; // What has just failed was asked of somebody else.
      this.#throwIfGivenUp(request.signal);
      await this.pause(outcome.waitMs ?? this.#backoffMs(tries), request.signal);
    }
  }

  /** Returns early when there is a new base, or the caller gives up. */
  pause(delayMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed.signal.aborted || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        timer.cancel();
        this.#sleeping.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#options.clock.after(delayMs, wake);
      this.#sleeping.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #throwIfGivenUp(signal: AbortSignal): void {
    if (this.#closed.signal.aborted || signal.aborted)
      throw new BulkAborted("given up before there was an answer");
  }

  /** Full jitter, so that the workers of a yard do not come back all at once. */
  #backoffMs(tries: number): number {
    return this.#options.random.unit() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(tries, 10));
  }

  async #limited<T>(action: () => Promise<T>): Promise<T> {
    if (this.#running >= REQUESTS_AT_ONCE) await new Promise<void>((resolve) => this.#queue.push(resolve));
    else this.#running += 1;
    try {
      return await action();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #once<T>(request: BulkRequest<T>): Promise<Outcome<T>> {
    const base = this.#bases[this.#at];
    if (base === undefined) return { kind: "again" };
    const watch = this.#watch(request.signal);
    try {
      const response = await fetch(`${base}${request.path}`, {
        method: request.method,
        headers: { authorization: `Bearer ${this.#options.key}`, ...request.headers },
        ...bodyOf(request.body, watch.alive),
        redirect: "manual",
        signal: watch.signal,
      });
      watch.alive();
      if (response.ok) return { kind: "answer", value: await request.read(response, watch.alive) };
      return await this.#understand(response, base);
    } catch (error) {
      watch.cut(); // A body that nobody reads to its end must not keep the connection.
      if (error instanceof BulkRefused) throw error;
      this.#moveOn(base);
      return { kind: "again" };
    } finally {
      watch.end();
    }
  }

  /** Cuts a request when its caller gives up, the client closes, or nothing has come for too long. */
  #watch(outer: AbortSignal): { signal: AbortSignal; alive: () => void; cut: () => void; end: () => void } {
    const own = new AbortController();
    const cut = () => own.abort();
    const sources = [outer, this.#closed.signal];
    for (const source of sources) source.addEventListener("abort", cut);
    let timer = this.#options.clock.after(STALL_MS, cut);
    const alive = () => {
      timer.cancel();
      timer = this.#options.clock.after(STALL_MS, cut);
    };
    const end = () => {
      timer.cancel();
      for (const source of sources) source.removeEventListener("abort", cut);
    };
    return { signal: own.signal, alive, cut, end };
  }

  async #understand(response: Response, base: string): Promise<{ kind: "again"; waitMs?: number }> {
    const text = await boundedText(response);
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      this.#redirected(headers.get("location"), base);
      return { kind: "again" };
    }
    const problem = problemOf(text);
    if (status < 500 && !WAIT_ON.includes(status) && problem !== null)
      throw new BulkRefused({ status, ...problem });
    if (status === 503) this.#moveOn(base);
    const seconds = Number(headers.get("retry-after") ?? Number.NaN);
    if (!(seconds >= 0)) return { kind: "again" };
    return { kind: "again", waitMs: Math.min(seconds * 1000, LONGEST_WAIT_MS) };
  }

  #redirected(location: string | null, base: string): void {
    const origin = location === null || !URL.canParse(location, base) ? null : new URL(location, base).origin;
    const known = origin === null ? -1 : this.#bases.indexOf(origin);
    if (known >= 0 && origin !== base) this.#at = known;
    else this.#moveOn(base);
  }

  /** Another address next time, unless somebody has chosen one meanwhile. */
  #moveOn(failed: string): void {
    if (this.#bases[this.#at] === failed) this.#at = (this.#at + 1) % this.#bases.length;
  }
}

/** `half`: the answer is read once the body is sent, which is all that fetch can do. */
function bodyOf(body: BulkRequest<unknown>["body"], alive: () => void): RequestInit & { duplex?: "half" } {
  if (body === undefined) return {};
  if (typeof body !== "function") return { body };
  return { body: body(alive) as unknown as NonNullable<RequestInit["body"]>, duplex: "half" };
}

type Outcome<T> = { kind: "answer"; value: T } | { kind: "again"; waitMs?: number };

/** Who wakes leaves the set. */
function wakeAll(sleeping: ReadonlySet<() => void>): void {
  for (const wake of sleeping) wake();
}

/** A worker knows its coordinator by the address of its WebSocket. */
function originOf(url: string): string {
  return new URL(url.replace(/^ws(s?):/, "http$1:")).origin;
}

async function boundedText(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > PROBLEM_BYTES) break;
  }
  return text;
}

function problemOf(text: string): { code: string; detail: string; details?: Record<string, unknown> } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || !("code" in value) || typeof value.code !== "string")
    return null;
  const detail = "detail" in value && typeof value.detail === "string" ? value.detail : value.code;
  const details = "details" in value && isObject(value.details) ? { details: value.details } : {};
  return { code: value.code, detail, ...details };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
