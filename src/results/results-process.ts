/**
 * The process that owns the DuckDB file. It opens the log for reading, keeps the projection up to date and
 * answers queries; blobs it asks its parent for. Whatever breaks here ends the process, and the next one goes
 * on from the watermark.
 *
 * It lives exactly as long as its parent: a closed channel ends it, however the parent died. Signals do not,
 * because a Ctrl-C at the terminal goes to the whole group, and it is the parent that knows when to stop.
 */
import { constants, setPriority } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { type EventLog, openLmdbLog } from "../log/index.ts";
import { messageOf, ResultsRefused, ResultsUnavailable } from "./errors.ts";
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
  const { db_path: dbPath, cluster_id: clusterId, query_timeout_ms: queryTimeoutMs } = options;
  const readBlob = (hash: string) => blobs.ask((id) => send({ kind: "read_blob", id, hash }));
  for (let waited = 0; ; waited += LOCK_RETRY_MS) {
    try {
      return await openLocalResults({ log: from, dbPath, clusterId, readBlob, queryTimeoutMs, onFailure });
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

async function answer(id: number, name: string, params: unknown): Promise<void> {
  try {
    if (results === null || !isQueryName(name)) throw new ResultsUnavailable(`no query ${name}`);
    const value: unknown = await results.query(name, params as QueryParams<QueryName>);
    send({ kind: "answer", id, value });
  } catch (error) {
    const kind = error instanceof ResultsUnavailable ? "unavailable" : "query_failed";
    send({ kind, id, message: messageOf(error) });
  }
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
      return void answer(message.id, message.name, message.params);
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
