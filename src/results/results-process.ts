/**
 * The process that owns the DuckDB file. It opens the log for reading, keeps the projection up to date and
 * answers queries; blobs it asks its parent for. Whatever breaks here ends the process, and the next one goes
 * on from the watermark.
 *
 * It lives exactly as long as its parent: a closed channel ends it, however the parent died. Signals do not,
 * because a Ctrl-C at the terminal goes to the whole group, and it is the parent that knows when to stop.
 */
import { writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type EventLog, openLmdbLog } from "../log/index.ts";
import { ExportFailed, messageOf, ResultsRefused, ResultsUnavailable, SqlRefused } from "./errors.ts";
import { createPending, type FromProcess, type StartOptions, type ToProcess } from "./ipc.ts";
import { isQueryName, type QueryParams, type QueryName } from "./queries.ts";
import { openLocalResults, type Results } from "./results.ts";

/** A predecessor whose parent was killed needs a moment to notice and to let go of the file. */
const LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 100;

const blobs = createPending<Uint8Array | null>();
let results: Results | null = null;
let log: EventLog | null = null;
let ending: Promise<void> | null = null;

// Behind whoever places and runs tasks: results may be a moment late, an assignment should not be. Before any
// thread is started, because threads take it over from this one.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
preferAsVictim();

/** Where memory runs out, the system should take this process and not the coordinator: it starts again. */
function preferAsVictim(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "500");
  } catch {
    // Linux alone has it.
  }
}

let sent: Promise<void> = Promise.resolve();

function send(message: FromProcess): void {
  // A parent that is gone needs no answer; `disconnect` ends the process.
  if (process.connected) sent = new Promise((resolve) => process.send?.(message, () => resolve()));
}

async function start(options: StartOptions): Promise<void> {
  try {
    log = await openLmdbLog({ dir: options.log_dir, readOnly: true });
    const opened = await openPatiently(log, options);
    results = opened;
    opened.onWatermark((position) => send({ kind: "watermark", position }));
    send({ kind: "ready", watermark: opened.status().watermark });
  } catch (error) {
    if (error instanceof ResultsRefused) {
      const { code, message, details } = error;
      send({ kind: "refused", code, message, details });
    } else {
      send({ kind: "failed", message: messageOf(error) });
    }
    await end(1);
  }
}

async function openPatiently(from: EventLog, options: StartOptions): Promise<Results> {
  const { db_path: dbPath, cluster_id: clusterId, query_timeout_ms: queryTimeoutMs, export_dir } = options;
  const more = { queryTimeoutMs, onFailure, sql: { onDeaf }, ...(export_dir && { exportDir: export_dir }) };
  const readBlob = (hash: string) => blobs.ask((id) => send({ kind: "read_blob", id, hash }));
  for (let waited = 0; ; waited += LOCK_RETRY_MS) {
    try {
      return await openLocalResults({ log: from, dbPath, clusterId, readBlob, ...more });
    } catch (error) {
      const isLocked = error instanceof ResultsRefused && error.code === "results_locked";
      if (!isLocked || waited >= LOCK_PATIENCE_MS) throw error;
      await pause(LOCK_RETRY_MS);
    }
  }
}

function onFailure(error: unknown): void {
  send({ kind: "failed", message: messageOf(error) });
  void end(1);
}

/** A query holds on to time or memory that nothing but the end of the process gives back. */
function onDeaf(): void {
  // The answer to whoever asked is sent in the same turn. A normal end would wait for the query's threads.
  setImmediate(() => void sent.then(() => process.kill(process.pid, "SIGKILL")));
}

/** Questions whose askers may leave, by number. */
const askers = new Map<number, AbortController>();

function whileAsked(id: number): AbortSignal {
  const asker = new AbortController();
  askers.set(id, asker);
  return asker.signal;
}

async function answer(id: number, ask: (open: Results) => Promise<unknown>): Promise<void> {
  try {
    if (results === null) throw new ResultsUnavailable("the results are not open");
    send({ kind: "answer", id, value: await ask(results) });
  } catch (error) {
    const message = messageOf(error);
    if (error instanceof SqlRefused) send({ kind: "sql_refused", id, code: error.code, message });
    else if (error instanceof ExportFailed) send({ kind: "export_failed", id, code: error.code, message });
    else send({ kind: error instanceof ResultsUnavailable ? "unavailable" : "query_failed", id, message });
  } finally {
    askers.delete(id);
  }
}

async function namedQuery(open: Results, name: string, params: unknown): Promise<unknown> {
  if (!isQueryName(name)) throw new ResultsUnavailable(`no query ${name}`);
  return open.query(name, params as QueryParams<QueryName>);
}

function end(code: number): Promise<void> {
  ending ??= (async () => {
    blobs.rejectAll(() => new ResultsUnavailable("the process ends"));
    await results?.close();
    await log?.close();
    await sent;
    process.exit(code);
  })();
  return ending;
}

process.on("message", (message: ToProcess) => {
  switch (message.kind) {
    case "start":
      return void start(message.options);
    case "poke":
      return results?.poke(message.position);
    case "query":
      return void answer(message.id, (open) => namedQuery(open, message.name, message.params));
    case "sql":
      return void answer(message.id, (open) => open.sql(message.request, { signal: whileAsked(message.id) }));
    case "export":
      return void answer(message.id, (open) =>
        open.export(message.request, { signal: whileAsked(message.id) }),
      );
    case "abandon":
      return askers.get(message.id)?.abort();
    case "blob":
      return blobs.take(message.id)?.resolve(message.bytes);
    case "blob_failed":
      return blobs.take(message.id)?.reject(new Error(message.message));
    case "close":
      return void end(0);
  }
});
process.on("disconnect", () => void end(0));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
