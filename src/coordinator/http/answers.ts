/**
 * Reads: computed from the state now, sent when that state is durable, with how fresh they are in the
 * headers.
 */
import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";
import type { State } from "../../core/index.ts";
import type { HttpContext } from "./context.ts";

export interface Committed<T> {
  value: T;
  /** The value reflects the log at least up to here. */
  position: number;
}

export async function readCommitted<T>(
  { coordinator }: HttpContext,
  compute: (state: State) => T,
): Promise<Committed<T>> {
  // The open record may still be empty, so only the one before it is certain.
  return coordinator.loop.read((state) => ({ value: compute(state), position: state.position - 1 }));
}

/** Sends a committed value. */
export async function sendCommitted<T>(
  context: HttpContext,
  reply: FastifyReply,
  compute: (state: State) => T,
): Promise<FastifyReply> {
  const { value, position } = await readCommitted(context, compute);
  return fresh(context, reply, position).send(value);
}

export function fresh(context: HttpContext, reply: FastifyReply, position: number): FastifyReply {
  const { loop } = context.coordinator;
  return reply
    .header("x-testyard-epoch", String(loop.state.epoch))
    .header("x-testyard-position", String(position))
    .header("x-testyard-role", "leader");
}

/**
 * After a command: resolves once what it decided is committed. Gives no reply back, for a reply is
 * thenable: to await one is to wait until it has been sent.
 */
export async function committedNow(context: HttpContext, reply: FastifyReply): Promise<void> {
  const { loop } = context.coordinator;
  await loop.committed();
  fresh(context, reply, loop.committedPosition);
}

/** Aborted when the answer is over, however it ended, or the server closes. */
export function whileListening({ closing }: HttpContext, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const leave = () => {
    closing.removeEventListener("abort", leave);
    gone.abort();
  };
  reply.raw.once("close", leave);
  closing.addEventListener("abort", leave);
  if (closing.aborted) leave();
  return gone.signal;
}

/** A stream that may have nothing to say for long: its headers are sent when somebody starts to read. */
export function sendOpenStream(
  reply: FastifyReply,
  pieces: AsyncIterable<Uint8Array | string>,
): FastifyReply {
  const started = async function* () {
    reply.raw.flushHeaders();
    yield* pieces;
  };
  return reply.send(Readable.from(started(), { objectMode: false }));
}
