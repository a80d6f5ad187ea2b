/**
 * SQL of people over the results: one SELECT at a time, on a connection of its own, in a transaction that
 * cannot write, within limits. Rows come as JSON text, so that nobody on their way to the reader has to hold
 * them as objects; what goes beyond rows or bytes is cut off and said to be.
 */
import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult, DuckDBValue } from "@duckdb/node-api";
import { ResultsUnavailable, SqlRefused } from "./errors.ts";
import { admit, asSqlError } from "./sql-gate.ts";
import { jsonValue } from "./sql-values.ts";
import { type Broken, WATCH_LIMITS, type WatchLimits, watchQuery } from "./sql-watch.ts";

export interface SqlRequest {
  sql: string;
  /** For `?` or `$1` and so on, in order. */
  parameters: readonly (string | number | boolean | null)[];
  limit: number;
}

export interface SqlAnswer {
  columns: { name: string; type: string }[];
  /** JSON text: a list of rows, each a list in the order of the columns. */
  rows: Uint8Array;
  truncated: boolean;
  elapsed_ms: number;
  /** What the answer was made from: everything up to this record of the log. */
  watermark: number;
}

export interface Asking {
  /** Aborted when nobody waits for the answer any more: the query is ended. */
  signal?: AbortSignal;
}

export interface SqlRunner {
  /** Rejects with SqlRefused, or with ResultsUnavailable where the file or the queue is the trouble. */
  run(request: SqlRequest, asking?: Asking): Promise<SqlAnswer>;
}

export interface SqlOptions {
  limits?: Partial<WatchLimits>;
  /** A query that cannot be stopped: the process has to end. */
  onDeaf?: (broken: Broken) => void;
}

const BYTES = 16 * 1024 * 1024;
const WAITING_LIMIT = 8;

export function createSqlRunner(connection: DuckDBConnection, options: SqlOptions = {}): SqlRunner {
  const limits = { ...WATCH_LIMITS, ...options.limits };
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    run(request, { signal } = {}) {
      if (waiting >= WAITING_LIMIT) {
        return Promise.reject(new ResultsUnavailable(`${waiting} SQL queries wait already`));
      }
      waiting += 1;
      const answer = last.then(() =>
        watched(connection, request, { ...options, limits, ...(signal && { signal }) }),
      );
      const done = () => void (waiting -= 1);
      last = answer.then(done, done);
      return answer;
    },
  };
}

async function watched(
  connection: DuckDBConnection,
  request: SqlRequest,
  { limits, onDeaf, signal }: SqlOptions & Asking & { limits: WatchLimits },
): Promise<SqlAnswer> {
  if (signal?.aborted === true) throw overLimit("abandoned", limits);
  let giveUp: (error: Error) => void = () => {};
  const deaf = new Promise<never>((_, reject) => (giveUp = reject));
  const watch = watchQuery(connection, { ...limits, ...(signal && { signal }) }, (broken) => {
    giveUp(overLimit(broken, limits));
    onDeaf?.(broken);
  });
  try {
    return await Promise.race([inTransaction(connection, request), deaf]);
  } catch (error) {
    throw watch.broken === null ? troubleOf(error) : overLimit(watch.broken, limits);
  } finally {
    watch.stop();
  }
}

function overLimit(broken: Broken, { timeoutMs, rssBytes }: WatchLimits): Error {
  if (broken === "abandoned") return new ResultsUnavailable("the query was ended: nobody waits for it");
  const limit = broken === "sql_timeout" ? `${timeoutMs} ms` : `${rssBytes} bytes of memory`;
  return new SqlRefused(broken, `the query was ended at ${limit}`);
}

/** An error of the file is nobody's query's fault. */
function troubleOf(error: unknown): Error {
  const sqlError = asSqlError(error);
  const isOfFile = /^(IO|FATAL|INTERNAL) Error|Corrupt/.test(sqlError.message);
  return isOfFile ? new ResultsUnavailable(`the results file fails: ${sqlError.message}`) : sqlError;
}

async function inTransaction(connection: DuckDBConnection, request: SqlRequest): Promise<SqlAnswer> {
  const from = performance.now();
  await connection.run("BEGIN TRANSACTION READ ONLY");
  try {
    const statement = await admit(connection, request.sql);
    if (statement.parameterCount !== request.parameters.length) {
      const [wanted, given] = [statement.parameterCount, request.parameters.length];
      throw new SqlRefused("sql_refused", `the statement has ${wanted} parameters, ${given} were given`);
    }
    statement.bind(request.parameters.map(bound));
    const watermark = await readWatermark(connection);
    const result = await statement.stream();
    const { rows, truncated } = await readRows(result, request.limit);
    if (truncated) connection.interrupt();
    const elapsed_ms = Math.round(performance.now() - from);
    return { columns: columnsOf(result), rows, truncated, elapsed_ms, watermark };
  } finally {
    // A parser's error has ended the transaction already.
    await connection.run("ROLLBACK").catch(() => {});
  }
}

function bound(value: SqlRequest["parameters"][number]): DuckDBValue {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

async function readWatermark(connection: DuckDBConnection): Promise<number> {
  const found = await connection.runAndReadAll("SELECT value FROM meta WHERE key = 'watermark_position'");
  return Number(found.getRows()[0]?.[0] ?? 0);
}

function columnsOf(result: DuckDBResult): SqlAnswer["columns"] {
  return result.columnNames().map((name, i) => ({ name, type: String(result.columnType(i)) }));
}

async function readRows(
  result: DuckDBResult,
  limit: number,
): Promise<{ rows: Uint8Array; truncated: boolean }> {
  const pieces: string[] = [];
  let [count, bytes, truncated] = [0, 0, false];
  const take = (chunk: DuckDBDataChunk) => {
    for (let i = 0; i < chunk.rowCount && !truncated; i++) {
      const text = count < limit ? JSON.stringify(chunk.convertRowValues(i, jsonValue)) : "";
      const size = Buffer.byteLength(text);
      truncated = count >= limit || bytes + size > BYTES;
      if (truncated) return;
      pieces.push(text);
      bytes += size + 1;
      count += 1;
    }
  };
  while (!truncated) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    take(chunk);
  }
  return { rows: Buffer.from(`[${pieces.join(",")}]`), truncated };
}
