/** Logs of attempts: appended by workers at an offset, read in ranges, followed while they grow. */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { LogKey } from "../../blobs/index.ts";
import { activeLease, type Task } from "../../core/index.ts";
import { readCommitted, sendOpenStream, whileListening } from "./answers.ts";
import { streamedBody, tooLarge } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { APPEND, READ } from "./logs.api.ts";
import { startOfTail, readLog, type Range } from "./log-reading.ts";
import { badParameter, paramOf, readFlag, readNumber, readQuery } from "./query.ts";
import { announcePart, askedPart } from "./ranges.ts";
import { refusal } from "./refusal.ts";

const CHUNK_LIMIT_BYTES = 8 * 1024 * 1024;
/** The worker cuts at 64 MiB and says so in a last line. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024 + 64 * 1024;
const MAX_TAIL_LINES = 1_000_000;

export function logRoutes(app: FastifyInstance, context: HttpContext): void {
  app.put("/api/tasks/:id/attempts/:attempt/log", APPEND, async (request) => {
    const { offset } = readQuery(request, ["offset"]);
    const at = readNumber(offset, { name: "offset" }) ?? 0;
    return append(context, request, at);
  });
  app.get("/api/tasks/:id/logs", READ, async (request, reply) => {
    const query = readQuery(request, ["attempt", "from", "to", "tail", "follow", "consistent"]);
    const follow = readFlag(query.follow, "follow");
    const key = await askedLog(context, paramOf(request, "id"), { attempt: query.attempt, follow });
    const size = context.blobs.logSize(key);
    const range = follow ? null : askedPart(request, { size });
    const { from, to } = range ?? (await readRange(context, key, query));
    reply.type("application/octet-stream");
    reply.header("x-testyard-log-size", String(size));
    reply.header("x-testyard-log-from", String(from));
    reply.header("x-testyard-attempt", String(key.attempt));
    // A browser that is led here must not take what a test printed for a page.
    reply.header("content-disposition", "attachment");
    if (!follow) {
      reply.header("accept-ranges", "bytes");
      if (range !== null) announcePart(reply, { part: range, size });
      if (request.method === "HEAD") return reply.send("");
      return reply.send(Readable.from(readLog(context.blobs, key, { from, to }), { objectMode: false }));
    }
    if (request.method === "HEAD") return reply.send("");
    const signal = whileListening(context, reply);
    return sendOpenStream(reply, followLog(context, key, { from, to, signal }));
  });
}

/** `tail` counts lines from the end, `from` and `to` bytes from the front. */
async function readRange(
  context: HttpContext,
  key: LogKey,
  query: { from?: string; to?: string; tail?: string },
): Promise<Range> {
  const from = readNumber(query.from, { name: "from" });
  const to = readNumber(query.to, { name: "to" }) ?? Number.MAX_SAFE_INTEGER;
  const lines = readNumber(query.tail, { name: "tail", max: MAX_TAIL_LINES });
  if (lines === null) return { from: from ?? 0, to };
  if (from !== null || query.to !== undefined) throw badParameter("tail", `give "tail" or "from" and "to"`);
  const size = context.blobs.logSize(key);
  return { from: await startOfTail(context.blobs, key, { size, lines }), to };
}

/** @throws Refusal when there is no such log, or not any more */
export async function askedLog(
  context: HttpContext,
  task_id: string,
  { attempt: text, follow }: { attempt: string | undefined; follow: boolean },
): Promise<LogKey> {
  const asked = readNumber(text, { name: "attempt", min: 1, max: 0xffff_ffff });
  const attempt = asked ?? (await newestAttempt(context, task_id));
  if (attempt === 0 && !follow) {
    throw refusal("log_unknown", `task ${task_id.slice(0, 128)} has not been tried yet: there is no log`);
  }
  const key = { task_id, attempt: Math.max(1, attempt) };
  await requireAttempt(context, key, { follow });
  return key;
}

async function append(
  context: HttpContext,
  request: FastifyRequest,
  offset: number,
): Promise<{ size: number }> {
  const { coordinator, blobs, clock, metrics, signals } = context;
  const task_id = paramOf(request, "id");
  const attempt = readNumber(paramOf(request, "attempt"), { name: "attempt", min: 1, max: 0xffff_ffff }) ?? 0;
  const task = coordinator.loop.state.tasks.get(task_id);
  if (task === undefined) throw refusal("task_unknown", `no task ${task_id.slice(0, 128)} is under way`);
  if (attempt > task.attempts) throw refusal("stale_attempt", `task ${task_id} has no attempt ${attempt}`);
  const body = streamedBody(request, { limitBytes: CHUNK_LIMIT_BYTES, clock, metrics });
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (offset + bytes.length > LOG_LIMIT_BYTES) throw tooLarge(LOG_LIMIT_BYTES, "the log of an attempt");
  const { size } = await blobs.appendLog({ task_id, attempt }, offset, bytes);
  signals.wake(task_id);
  return { size };
}

/** 0 while there is none. @throws Refusal when nobody knows the task */
async function newestAttempt(context: HttpContext, task_id: string): Promise<number> {
  const live = await readCommitted(context, (state) => state.tasks.get(task_id)?.attempts ?? null);
  if (live.value !== null) return live.value;
  const row = await context.results.query("task", { task_id });
  if (row === null) throw refusal("task_unknown", `no task ${task_id.slice(0, 128)}`);
  return row.attempts;
}

async function requireAttempt(
  context: HttpContext,
  { task_id, attempt }: LogKey,
  { follow }: { follow: boolean },
): Promise<void> {
  if (context.blobs.logSize({ task_id, attempt }) > 0) return;
  const newest = await newestAttempt(context, task_id);
  if (attempt <= newest) await refuseExpired(context, { task_id, attempt });
  if (attempt <= newest || (follow && attempt === newest + 1)) return;
  throw refusal("log_unknown", `task ${task_id} has no attempt ${attempt}`);
}

/** What the attempt reported to have stored, and is not there, has been thinned out. */
async function refuseExpired(context: HttpContext, { task_id, attempt }: LogKey): Promise<void> {
  const rows = await context.results.query("attempts", { task_id }).catch(() => []);
  if ((rows.find((row) => row.attempt === attempt)?.log_bytes ?? 0) === 0) return;
  throw refusal("log_expired", `the log of attempt ${attempt} of task ${task_id} is no longer kept`);
}

/**
 * A worker stores the whole log before it reports the result: what is there when the attempt is over is
 * all.
 */
async function* followLog(
  context: HttpContext,
  key: LogKey,
  { from, to, signal }: Range & { signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const changes = new Changes();
  const unlisten = context.signals.listen(key.task_id, () => changes.note());
  signal.addEventListener("abort", () => changes.note());
  try {
    for (let at = from; at < to && !signal.aborted; ) {
      const over = isOver(context, key);
      for await (const piece of readLog(context.blobs, key, { from: at, to })) {
        at += piece.length;
        yield piece;
      }
      if (over) return;
      await changes.next();
    }
  } finally {
    unlisten();
  }
}

function isOver({ coordinator }: HttpContext, { task_id, attempt }: LogKey): boolean {
  const task: Task | undefined = coordinator.loop.state.tasks.get(task_id);
  if (task === undefined) return true;
  if (task.attempts < attempt) return task.status.state !== "queued" && task.status.state !== "pending";
  return activeLease(task)?.attempt !== attempt;
}

/** Remembers that something happened while nobody was waiting. */
class Changes {
  #pending = false;
  #resolve: (() => void) | null = null;

  note(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  async next(): Promise<void> {
    if (!this.#pending) await new Promise<void>((resolve) => (this.#resolve = resolve));
    this.#pending = false;
    this.#resolve = null;
  }
}
