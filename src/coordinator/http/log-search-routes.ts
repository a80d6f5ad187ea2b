/**
 * Searches in the log of an attempt and in all logs of a run. One request looks for 2 s at most and then says
 * where the next goes on, so that a run of a thousand logs is searched without anybody waiting for it.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { LogKey } from "../../blobs/index.ts";
import type { LogMatch, LogMatches } from "../../protocol/index.ts";
import { caughtUp } from "./caught-up.ts";
import type { HttpContext } from "./context.ts";
import { SEARCH_START, searchLog, type Search, type SearchPlace } from "./log-search.ts";
import { askedLog } from "./logs.ts";
import { SEARCH, SEARCH_RUN } from "./logs.api.ts";
import { badParameter, makeCursor, paramOf, readCursor, readFlag, readNumber, readQuery } from "./query.ts";
import { refusal } from "./refusal.ts";
import { findRun } from "./runs.ts";

const SEARCH_MS = 2_000;
const MAX_MATCHES = 1_000;
const MATCHES = 100;
const MAX_TEXT = 1_000;
const TASKS_AT_ONCE = 200;

export function logSearchRoutes(app: FastifyInstance, context: HttpContext): void {
  app.get("/api/tasks/:id/logs/search", SEARCH, async (request) => {
    const query = readQuery(request, ["q", "ignore_case", "limit", "cursor", "attempt", "before"]);
    const key = await askedLog(context, paramOf(request, "id"), { attempt: query.attempt, follow: false });
    const to = readNumber(query.before, { name: "before" }) ?? Number.MAX_SAFE_INTEGER;
    const from = readPlace("log-search", query.cursor);
    if (from !== null && !isSame(key, from)) {
      throw refusal("cursor_invalid", "the cursor is of another log: give the same attempt");
    }
    const { matches, next, bytes } = await searchLog(context.blobs, key, {
      ...asked(context, query),
      to,
      from: from?.place ?? SEARCH_START,
    });
    return answer(
      matches.map((match) => ({ ...key, ...match })),
      {
        bytes,
        next: next === null ? null : cursorOf("log-search", { ...key, place: next }),
      },
    );
  });
  app.get("/api/runs/:id/logs/search", SEARCH_RUN, async (request) => searchRun(context, request));
}

type Query = { q?: string; ignore_case?: string; limit?: string };

function asked({ clock }: HttpContext, query: Query): Omit<Search, "to"> {
  const text = query.q ?? "";
  if (text === "" || text.length > MAX_TEXT || text.includes("\n")) {
    throw badParameter("q", `"q" is a text within one line, of 1 to ${MAX_TEXT} characters`);
  }
  const limit = readNumber(query.limit, { name: "limit", min: 1, max: MAX_MATCHES }) ?? MATCHES;
  const end = clock.monotonic() + SEARCH_MS;
  const isOver = () => clock.monotonic() >= end;
  return { text, ignoreCase: readFlag(query.ignore_case, "ignore_case"), limit, isOver };
}

interface At extends LogKey {
  place: SearchPlace;
}

async function searchRun(context: HttpContext, request: FastifyRequest): Promise<LogMatches> {
  const query = readQuery(request, ["q", "ignore_case", "limit", "cursor"]);
  const run_id = paramOf(request, "id");
  const { limit, ...search } = asked(context, query);
  const start = readPlace("run-log-search", query.cursor);
  await findRun(context, run_id);
  await caughtUp(context);
  const items: LogMatch[] = [];
  let bytes = 0;
  for await (const key of logsOf(context, run_id, start)) {
    const from = isSame(key, start) ? start.place : SEARCH_START;
    if (items.length >= limit || search.isOver()) {
      return answer(items, { bytes, next: cursorOf("run-log-search", { ...key, place: from }) });
    }
    const left = limit - items.length;
    const found = await searchLog(context.blobs, key, { ...search, limit: left, to: Infinity, from });
    for (const match of found.matches) items.push({ ...key, ...match });
    bytes += found.bytes;
    if (found.next !== null) {
      return answer(items, { bytes, next: cursorOf("run-log-search", { ...key, place: found.next }) });
    }
  }
  return answer(items, { bytes, next: null });
}

function isSame(key: LogKey, start: At | null): start is At {
  return start !== null && start.task_id === key.task_id && start.attempt === key.attempt;
}

/** Every log of the run that holds something, by task and attempt. */
async function* logsOf(
  { results, coordinator, blobs }: HttpContext,
  run_id: string,
  start: At | null,
): AsyncGenerator<LogKey> {
  for (let from = start?.task_id ?? ""; ; ) {
    const tasks = await results.query("runAttempts", { run_id, from, limit: TASKS_AT_ONCE });
    for (const { task_id, attempts } of tasks) {
      const count = Math.max(attempts, coordinator.loop.state.tasks.get(task_id)?.attempts ?? 0);
      const first = task_id === start?.task_id ? start.attempt : 1;
      for (let attempt = first; attempt <= count; attempt += 1) {
        if (blobs.logSize({ task_id, attempt }) > 0) yield { task_id, attempt };
      }
    }
    const last = tasks.at(-1);
    if (last === undefined || tasks.length < TASKS_AT_ONCE) return;
    // Ids are of ASCII: this is the first text behind the last one.
    from = `${last.task_id}~`;
  }
}

function answer(items: LogMatch[], { bytes, next }: { bytes: number; next: string | null }): LogMatches {
  return { items, searched_bytes: bytes, next_cursor: next };
}

function cursorOf(listing: string, { task_id, attempt, place }: At): string {
  const { at, line, lineStart, isDone } = place;
  return makeCursor(listing, [task_id, attempt, at, line, lineStart, isDone ? 1 : 0].join("."));
}

function readPlace(listing: string, cursor: string | undefined): At | null {
  const text = readCursor(listing, cursor);
  if (text === null) return null;
  const [task_id = "", ...numbers] = text.split(".");
  const [attempt, at, line, lineStart, isDone] = numbers.map(Number);
  if (numbers.length !== 5 || !numbers.every((each) => /^\d{1,15}$/.test(each))) {
    throw refusal("cursor_invalid", "the cursor is not one of this listing");
  }
  const place = { at: at ?? 0, line: line ?? 1, lineStart: lineStart ?? 0, isDone: isDone === 1 };
  return { task_id, attempt: Math.max(1, attempt ?? 1), place };
}
