/** Logs of attempts: appended by workers at an offset, read in ranges, followed while they grow. */
import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { activeLease, type Task } from "../../core/index.ts";
import { readCommitted, sendOpenStream, whileListening } from "./answers.ts";
import { streamedBody, tooLarge } from "./body.ts";
import type { HttpContext } from "./context.ts";
import { APPEND, READ } from "./logs.api.ts";
import { paramOf, readFlag, readNumber, readQuery } from "./query.ts";
import { refusal } from "./refusal.ts";

const CHUNK_LIMIT_BYTES = 8 * 1024 * 1024;
/** The worker cuts at 64 MiB and says so in a last line. */
const LOG_LIMIT_BYTES = 64 * 1024 * 1024 + 64 * 1024;
const PIECE_BYTES = 256 * 1024;

interface LogKey {
  task_id: string;
  attempt: number;
}

export function logRoutes(app: FastifyInstance, context: HttpContext): void {
  app.put("/api/tasks/:id/attempts/:attempt/log", APPEND, async (request) => {
    const { offset } = readQuery(request, ["offset"]);
    const at = readNumber(offset, { name: "offset" }) ?? 0;
    return append(context, request, at);
  });
  app.get("/api/tasks/:id/logs", READ, async (request, reply) => {
    const query = readQuery(request, ["attempt", "from", "to", "follow", "consistent"]);
    const task_id = paramOf(request, "id");
    const asked = readNumber(query.attempt, { name: "attempt", min: 1, max: 0xffff_ffff });
    const follow = readFlag(query.follow, "follow");
    const attempt = asked ?? (await newestAttempt(context, task_id));
    if (attempt === 0 && !follow) {
      throw refusal("log_unknown", `task ${task_id.slice(0, 128)} has not been tried yet: there is no log`);
    }
    const key = { task_id, attempt: Math.max(1, attempt) };
    await requireAttempt(context, key, { follow });
    const from = readNumber(query.from, { name: "from" }) ?? 0;
    const to = readNumber(query.to, { name: "to" }) ?? Number.MAX_SAFE_INTEGER;
    reply.type("application/octet-stream");
    reply.header("x-testyard-log-size", String(context.blobs.logSize(key)));
    reply.header("x-testyard-attempt", String(key.attempt));
    if (request.method === "HEAD") return reply.send("");
    if (!follow) return reply.send(Readable.from(readLog(context, key, { from, to }), { objectMode: false }));
    const signal = whileListening(context, reply);
    return sendOpenStream(reply, followLog(context, key, { from, to, signal }));
  });
}

async function append(
  context: HttpContext,
  request: FastifyRequest,
  offset: number,
): Promise<{ size: number }> {
  const { coordinator, blobs, clock, signals } = context;
  const task_id = paramOf(request, "id");
  const attempt = readNumber(paramOf(request, "attempt"), { name: "attempt", min: 1, max: 0xffff_ffff }) ?? 0;
  const task = coordinator.loop.state.tasks.get(task_id);
  if (task === undefined) throw refusal("task_unknown", `no task ${task_id.slice(0, 128)} is under way`);
  if (attempt > task.attempts) throw refusal("stale_attempt", `task ${task_id} has no attempt ${attempt}`);
  const body = streamedBody(request, { limitBytes: CHUNK_LIMIT_BYTES, clock });
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
  if (attempt <= newest || (follow && attempt === newest + 1)) return;
  throw refusal("log_unknown", `task ${task_id} has no attempt ${attempt}`);
}

interface Range {
  from: number;
  to: number;
}

async function* readLog(
  { blobs }: HttpContext,
  key: LogKey,
  { from, to }: Range,
): AsyncGenerator<Uint8Array> {
  const end = Math.min(to, blobs.logSize(key));
  for (let at = from; at < end; at += PIECE_BYTES) {
    yield await blobs.readLog(key, { from: at, to: Math.min(end, at + PIECE_BYTES) });
  }
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
      for await (const piece of readLog(context, key, { from: at, to })) {
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
