/** `Idempotency-Key`: what was sent twice counts once, and is answered the same again. */
import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { Decision, Remembered, Submit } from "../../core/index.ts";
import type { HttpContext } from "./context.ts";
import { badParameter } from "./query.ts";
import { refusal } from "./refusal.ts";

export type Submitted = Extract<
  NonNullable<Extract<Decision, { kind: "accepted" }>["answer"]>,
  { kind: "submitted" }
>;

export interface KeyScope {
  project: string;
  idempotency: Submit["idempotency"];
}

/** How long and how many keys the state itself remembers. */
const KEY_LIFETIME_MS = 24 * 3600 * 1000;
const KEYS_REMEMBERED = 100_000;

export function readKey(request: FastifyRequest): Submit["idempotency"] {
  const key = request.headers["idempotency-key"];
  if (key === undefined) return null;
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw badParameter("Idempotency-Key", "the Idempotency-Key must have 1 to 255 printable characters");
  }
  // The address belongs to what was asked: it may name the run.
  const asked = createHash("sha256").update(`${request.url}\n`);
  if (Buffer.isBuffer(request.body)) asked.update(request.body);
  return { key, body_hash: asked.digest("hex") };
}

/** Keys of submissions that are not decided yet. */
const inFlight = new WeakMap<HttpContext, Set<string>>();

/** One at a time for each key: the second is refused while the first is under way. */
export async function oncePerKey<T>(
  context: HttpContext,
  { project, idempotency }: KeyScope,
  work: () => Promise<T>,
): Promise<T> {
  if (idempotency === null) return work();
  const keys = inFlight.get(context) ?? new Set();
  inFlight.set(context, keys);
  const name = `${project}/${idempotency.key}`;
  if (keys.has(name)) {
    throw refusal("idempotency_in_flight", `a submission with the key ${idempotency.key} is being taken in`);
  }
  keys.add(name);
  try {
    return await work();
  } finally {
    keys.delete(name);
  }
}

/** A key that is too old for the state: the results know it, for ever. */
export async function answeredBefore(context: HttpContext, scope: KeyScope): Promise<Submitted | null> {
  const { coordinator, results, logSince } = context;
  const { project, idempotency } = scope;
  const { state, now } = coordinator.loop;
  if (idempotency === null || state.idempotency.has(`${project}/${idempotency.key}`)) return null;
  if (state.idempotency.size < KEYS_REMEMBERED && now - logSince < KEY_LIFETIME_MS) return null;
  return sameAgain(await results.query("submissionByKey", { project, key: idempotency.key }), scope);
}

/** The answer that was given, from memory or results, where what is asked would by now be refused. */
export async function answeredAtAll(context: HttpContext, scope: KeyScope): Promise<Submitted | null> {
  const { project, idempotency } = scope;
  if (idempotency === null) return null;
  const known = context.coordinator.loop.state.idempotency.get(`${project}/${idempotency.key}`);
  return sameAgain(known ?? null, scope) ?? answeredBefore(context, scope);
}

function sameAgain(known: Remembered | null, { idempotency }: KeyScope): Submitted | null {
  if (known === null) return null;
  if (known.body_hash !== idempotency?.body_hash) {
    const detail = `the key ${idempotency?.key} was used before with another body`;
    throw refusal("idempotency_key_reused", detail);
  }
  const { run_id, first_task_id, count } = known;
  return { kind: "submitted", run_id, first_task_id, count, replayed: true };
}
