/**
 * The results of a yard: what the log looks like to SQL, kept up to date behind the log and asked by name.
 *
 * Here is the whole of it in one process, over any log. `startResults` runs the same behind a process border,
 * so that neither a large commit nor a slow query ever holds up the coordinator's loop; tests and tools that
 * have no loop to protect take this one.
 */
import type { EventLog } from "../log/index.ts";
import { openDatabase } from "./database.ts";
import { messageOf, ResultsUnavailable } from "./errors.ts";
import { exportTables, type ExportReport, type ExportRequest } from "./export.ts";
import { createFollower } from "./follower.ts";
import { createProjection, type ReadBlob } from "./projection.ts";
import { QUERIES, type QueryAnswer, type QueryName, type QueryParams } from "./queries.ts";
import { createReader, type Reader } from "./reader.ts";
import type { RebuildReport } from "./rebuild.ts";
import {
  type Asking,
  createSqlRunner,
  type SqlAnswer,
  type SqlOptions,
  type SqlRequest,
  type SqlRunner,
} from "./sql.ts";

export interface ResultsStatus {
  /** The last record whose rows are committed. */
  watermark: number;
  /** Why it does not get on at the moment; null while it does. */
  failed: string | null;
}

export interface Results {
  status(): ResultsStatus;
  /** The log is committed up to here. Cheap: call it after every commit. */
  poke(position: number): void;
  /** Resolves once the rows up to `position` are committed; rejects with ResultsUnavailable after `close`. */
  reached(position: number): Promise<void>;
  /** Called after each transaction, until the returned function is called. */
  onWatermark(call: (position: number) => void): () => void;
  /** Rejects with ResultsUnavailable where no answer can be had now. */
  query<N extends QueryName>(name: N, params: QueryParams<N>): Promise<QueryAnswer<N>>;
  /** People's own SQL. Rejects with SqlRefused where the query is at fault. */
  sql(request: SqlRequest, asking?: Asking): Promise<SqlAnswer>;
  /** The tables as files, without holding up the rest. Rejects with ExportFailed; then no file is left. */
  export(request: ExportRequest, asking?: Asking): Promise<ExportReport>;
  /** A new file from the log in the place of this one; only where the results have a process of their own. */
  rebuild?(): Promise<RebuildReport>;
  close(): Promise<void>;
}

export interface LocalResultsOptions {
  log: EventLog;
  dbPath: string;
  clusterId: string;
  readBlob: ReadBlob;
  queryTimeoutMs?: number;
  /** The one folder that an export may be written to. */
  exportDir?: string;
  sql?: SqlOptions;
  onFailure?(error: unknown): void;
}

const QUERY_TIMEOUT_MS = 10_000;

/** Throws ResultsRefused. The log stays the caller's to close. */
export async function openLocalResults(options: LocalResultsOptions): Promise<Results> {
  const { log, dbPath, clusterId, readBlob, queryTimeoutMs: timeoutMs = QUERY_TIMEOUT_MS } = options;
  const { exportDir = null } = options;
  const db = await openDatabase(dbPath, { clusterId, exportDir });
  const closeAll: (() => void)[] = [() => db.close()];
  try {
    const projection = await createProjection({ db, readBlob });
    closeAll.unshift(() => projection.close());
    const progress = createProgress(projection.watermark.position);
    const follower = await createFollower({
      log,
      projection,
      clusterId,
      onProgress: ({ position }) => progress.moveTo(position),
      onFailure(error) {
        progress.fail(messageOf(error));
        options.onFailure?.(error);
      },
    });
    const reader = createReader(db.reader, { timeoutMs });
    const sql = createSqlRunner(db.visitor, options.sql);
    const onFatal = (error: unknown) => options.onFailure?.(error);
    const exporting = (request: ExportRequest, signal: AbortSignal) =>
      exportTables(db.exporter, request, { signal });
    return createLocal({ exporting, follower, progress, reader, sql, closeAll, onFatal });
  } catch (error) {
    for (const close of closeAll) close();
    throw error;
  }
}

interface LocalParts {
  follower: Awaited<ReturnType<typeof createFollower>>;
  progress: Progress;
  reader: Reader;
  sql: SqlRunner;
  exporting: (request: ExportRequest, signal: AbortSignal) => Promise<ExportReport>;
  closeAll: (() => void)[];
  onFatal: (error: unknown) => void;
}

function createLocal(parts: LocalParts): Results {
  const { follower, progress, reader, sql, closeAll, onFatal } = parts;
  const exports = new Set<AbortController>();
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | null = null;
  const close = async () => {
    progress.end();
    for (const each of exports) each.abort();
    await follower.stop();
    await Promise.allSettled(running);
    for (const each of closeAll) each();
  };
  const asked = <T>(ask: () => Promise<T>): Promise<T> => {
    if (closing !== null) return Promise.reject(new ResultsUnavailable("the results are closed"));
    const answer = ask();
    running.add(answer);
    const forget = () => running.delete(answer);
    answer.then(forget, (error: unknown) => {
      forget();
      if (isFatal(error)) onFatal(error);
    });
    return answer;
  };
  return {
    status: () => progress.status(),
    poke: (position) => follower.poke(position),
    reached: (position) => progress.reached(position),
    onWatermark: (call) => progress.onWatermark(call),
    query: (name, params) => asked(() => runQuery(reader, name, params)),
    sql: (request, asking) => asked(() => sql.run(request, asking)),
    export: (request, asking) =>
      asked(() => untilClosed(exports, asking, (signal) => parts.exporting(request, signal))),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Ends when the asker leaves, and when the results are closed. */
async function untilClosed<T>(
  open: Set<AbortController>,
  { signal }: Asking = {},
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const leave = () => own.abort();
  signal?.addEventListener("abort", leave);
  if (signal?.aborted === true) leave();
  open.add(own);
  try {
    return await work(own.signal);
  } finally {
    open.delete(own);
    signal?.removeEventListener("abort", leave);
  }
}

/** After these DuckDB answers nothing any more until the file is opened anew. */
function isFatal(error: unknown): boolean {
  return error instanceof ResultsUnavailable && /(FATAL|INTERNAL) Error/.test(error.message);
}

/** The table is typed by name; that parameters and answer belong to the same name is lost inside it. */
function runQuery<N extends QueryName>(
  reader: Reader,
  name: N,
  params: QueryParams<N>,
): Promise<QueryAnswer<N>> {
  const ask = QUERIES[name] as (db: Reader, params: QueryParams<N>) => Promise<QueryAnswer<N>>;
  return ask(reader, params);
}

/** The watermark, and those who wait for it. */
export interface Progress {
  status(): ResultsStatus;
  moveTo(position: number): void;
  fail(message: string): void;
  end(): void;
  reached(position: number): Promise<void>;
  onWatermark(call: (position: number) => void): () => void;
}

interface Waiter {
  position: number;
  resolve(): void;
  reject(error: Error): void;
}

export function createProgress(watermark: number): Progress {
  const status: ResultsStatus = { watermark, failed: null };
  const listeners = new Set<(position: number) => void>();
  let waiters: Waiter[] = [];
  let ended = false;
  const closed = () => new ResultsUnavailable("the results are closed");
  return {
    status: () => ({ ...status }),
    moveTo(position) {
      status.watermark = position;
      status.failed = null;
      const done = waiters.filter((each) => each.position <= position);
      waiters = waiters.filter((each) => each.position > position);
      for (const each of done) each.resolve();
      for (const call of listeners) call(position);
    },
    fail(message) {
      status.failed = message;
    },
    end() {
      ended = true;
      for (const each of waiters) each.reject(closed());
      waiters = [];
      listeners.clear();
    },
    reached(position) {
      if (position <= status.watermark) return Promise.resolve();
      if (ended) return Promise.reject(closed());
      return new Promise((resolve, reject) => waiters.push({ position, resolve, reject }));
    },
    onWatermark(call) {
      listeners.add(call);
      return () => void listeners.delete(call);
    },
  };
}
