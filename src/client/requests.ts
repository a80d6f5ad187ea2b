/**
 * Requests, and which of them are sent again.
 *
 * A coordinator that restarts is away for a second or two. Whatever may be repeated without harm (reads,
 * uploads named by their content, submissions with a key) is sent again with growing pauses; the rest is
 * not. The key goes to the given address alone: redirects are refused, not followed.
 */
import { apiError, Unreachable } from "./errors.ts";

export interface ConnectOptions {
  /** http://host:port */
  url: string;
  /** Text of `client-key`; without it only reading is possible. */
  key?: string;
  /** W3C Trace Context: tasks that are submitted join this trace. */
  traceparent?: string;
  fetch?: typeof fetch;
  /** How long to try before `Unreachable`, 15 s unless given; 0 tries once. */
  patienceMs?: number;
}

export interface ApiRequest {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  json?: unknown;
  /** A function makes it anew for each try. */
  body?: Uint8Array | (() => AsyncIterable<Uint8Array>);
  headers?: Record<string, string>;
  /** Sending it twice does no more than sending it once. Reads always are. */
  isRepeatable?: boolean;
  signal?: AbortSignal;
  /** The answer has no end that one could wait for: only its beginning is. */
  isOpenEnded?: boolean;
}

const PATIENCE_MS = 15_000;
/** An answer that takes longer does not come; a batch of 8 MiB is through by then. */
const ANSWER_MS = 60_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;

export class Requests {
  readonly url: string;
  readonly #key: string | null;
  readonly #traceparent: string | undefined;
  readonly #fetch: typeof fetch;
  readonly #patienceMs: number;

  constructor({ url, key, traceparent, fetch: fetchWith, patienceMs }: ConnectOptions) {
    this.url = url.replace(/\/+$/, "");
    this.#key = key ?? null;
    this.#traceparent = traceparent;
    this.#fetch = fetchWith ?? fetch;
    this.#patienceMs = patienceMs ?? PATIENCE_MS;
  }

  async json<T>(request: ApiRequest): Promise<T> {
    const { value } = await this.#until(request, async (response) => (await response.json()) as T);
    return value;
  }

  async jsonAt<T>(request: ApiRequest): Promise<{ value: T; position: number }> {
    const { value, headers } = await this.#until(request, async (response) => (await response.json()) as T);
    return { value, position: Number(headers.get("x-testyard-position") ?? 0) };
  }

  async bytes(request: ApiRequest): Promise<Uint8Array> {
    const read = async (response: Response) => new Uint8Array(await response.arrayBuffer());
    return (await this.#until(request, read)).value;
  }

  /** The answer as it streams; a stream that breaks is the caller's to take up again. */
  async open(request: ApiRequest): Promise<Response> {
    return (await this.#until({ ...request, isOpenEnded: true }, async (response) => response)).value;
  }

  async #until<T>(
    request: ApiRequest,
    read: (response: Response) => Promise<T>,
  ): Promise<{ value: T; headers: Headers }> {
    const method = request.method ?? "GET";
    const isRepeatable = method === "GET" || request.isRepeatable === true;
    const deadline = performance.now() + (isRepeatable ? this.#patienceMs : 0);
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const outcome = await this.#once(method, request, read);
      if (outcome.kind === "answer") return outcome;
      const waitMs = Math.max(outcome.waitMs, pauseMs * (0.5 + Math.random() / 2));
      if (performance.now() + waitMs > deadline) throw outcome.error;
      await pause(waitMs, request.signal);
    }
  }

  async #once<T>(
    method: string,
    request: ApiRequest,
    read: (response: Response) => Promise<T>,
  ): Promise<Outcome<T>> {
    if (request.isOpenEnded === true) return this.#try(method, request, read);
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error("no answer came")), ANSWER_MS);
    const passOn = () => limit.abort(request.signal?.reason);
    request.signal?.addEventListener("abort", passOn);
    if (request.signal?.aborted === true) passOn();
    try {
      return await this.#try(method, { ...request, limit: limit.signal }, read);
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", passOn);
    }
  }

  async #try<T>(
    method: string,
    request: ApiRequest & { limit?: AbortSignal },
    read: (response: Response) => Promise<T>,
  ): Promise<Outcome<T>> {
    let response: Response;
    try {
      const init = this.#init(method, request);
      if (request.limit !== undefined) init.signal = request.limit;
      response = await this.#fetch(this.#address(request), init);
    } catch (cause) {
      if (request.signal?.aborted === true) throw cause;
      return { kind: "again", error: new Unreachable(this.url, cause), waitMs: 0 };
    }
    if (!response.ok) return this.#refused(response);
    try {
      return { kind: "answer", value: await read(response), headers: response.headers };
    } catch (cause) {
      if (request.signal?.aborted === true) throw cause;
      return { kind: "again", error: new Unreachable(this.url, cause), waitMs: 0 };
    }
  }

  async #refused(response: Response): Promise<{ kind: "again"; error: Error; waitMs: number }> {
    const error = await apiError(response);
    const isPassing = error.status === 503 || error.code === "idempotency_in_flight";
    if (!isPassing) throw error;
    return { kind: "again", error, waitMs: 1000 * (Number(response.headers.get("retry-after")) || 0) };
  }

  #address({ path, query = {} }: ApiRequest): string {
    const given = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) given.set(name, String(value));
    return `${this.url}${path}${given.size > 0 ? `?${given.toString()}` : ""}`;
  }

  #init(method: string, { json, body, headers, signal }: ApiRequest): RequestInit {
    const bytes = typeof body === "function" ? body() : body;
    const sent = json === undefined ? bytes : JSON.stringify(json);
    return {
      method,
      redirect: "error",
      headers: {
        ...(this.#key !== null && { authorization: `Bearer ${this.#key}` }),
        ...(this.#traceparent !== undefined && { traceparent: this.#traceparent }),
        ...(json !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(sent !== undefined && { body: sent as NonNullable<RequestInit["body"]>, duplex: "half" }),
      ...(signal !== undefined && { signal }),
    };
  }
}

type Outcome<T> =
  | { kind: "answer"; value: T; headers: Headers }
  | { kind: "again"; error: Error; waitMs: number };

/** Ends early when the signal aborts. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal?.addEventListener("abort", done);
    if (signal?.aborted === true) done();
  });
}
