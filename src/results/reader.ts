/**
 * Questions to the file, one after the other: each holds a thread of the small pool that commits need too.
 * A question that takes too long is interrupted, so that the ones behind it get their turn.
 */
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { messageOf, ResultsUnavailable } from "./errors.ts";

/** BIGINT as number, TIMESTAMP as milliseconds since 1970, JSON as text. */
export type SqlRow = Record<string, unknown>;

export interface Reader {
  rows(sql: string, values?: DuckDBValue[]): Promise<SqlRow[]>;
}

const WAITING_LIMIT = 1_000;

export function createReader(connection: DuckDBConnection, { timeoutMs }: { timeoutMs: number }): Reader {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    rows(sql, values = []) {
      if (waiting >= WAITING_LIMIT) {
        return Promise.reject(new ResultsUnavailable(`${waiting} queries wait already`));
      }
      waiting += 1;
      const answer = last.then(() => ask(connection, { sql, values, timeoutMs }));
      last = answer.then(
        () => (waiting -= 1),
        () => (waiting -= 1),
      );
      return answer;
    },
  };
}

async function ask(
  connection: DuckDBConnection,
  { sql, values, timeoutMs }: { sql: string; values: DuckDBValue[]; timeoutMs: number },
): Promise<SqlRow[]> {
  let interrupted = false;
  const timer = setTimeout(() => {
    interrupted = true;
    connection.interrupt();
  }, timeoutMs);
  try {
    const found = await connection.runAndReadAll(sql, values);
    return found.getRowObjectsJS().map(plain);
  } catch (error) {
    if (interrupted) throw new ResultsUnavailable(`the query took longer than ${timeoutMs} ms`);
    if (isTrouble(error)) throw new ResultsUnavailable(`the results file fails: ${messageOf(error)}`);
    throw new Error(`${messageOf(error)} in ${sql}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** The file or the memory, not the question. */
function isTrouble(error: unknown): boolean {
  return /^(IO|FATAL|INTERNAL|Out of Memory) Error|Corrupt/.test(messageOf(error));
}

function plain(row: Record<string, unknown>): SqlRow {
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "bigint") row[name] = Number(value);
    else if (value instanceof Date) row[name] = value.getTime();
  }
  return row;
}
