/**
 * Rows into DuckDB, one appender a table, kept open across transactions: making one costs about as much as a
 * hundred rows. A value that its column cannot hold (a time beyond the calendar, a fraction where a count
 * belongs) becomes NULL: events are history, and a projection that stops at one shows nothing ever after.
 */
import { type DuckDBAppender, type DuckDBConnection, DuckDBTimestampValue } from "@duckdb/node-api";
import { type Kind, type Row, TABLE_NAMES, type TableName, TABLES } from "./schema.ts";

export interface RowSink {
  add<T extends TableName>(table: T, row: Row<T>): void;
}

export interface Appenders extends RowSink {
  /** Bytes, roughly, of the rows that are not yet handed to the transaction. */
  readonly heldBytes: number;
  flush(): void;
  /** Forgets what is not flushed. Without it, closing would still write that. */
  discard(): void;
  close(): void;
}

type Value = string | number | boolean | null;
type Write = (appender: DuckDBAppender, value: Value) => void;

export async function createAppenders(connection: DuckDBConnection): Promise<Appenders> {
  const tables = new Map<string, TableWriter>();
  for (const name of TABLE_NAMES) {
    tables.set(name, createTableWriter(await connection.createAppender(name), Object.entries(TABLES[name])));
  }
  let heldBytes = 0;
  return {
    get heldBytes() {
      return heldBytes;
    },
    add(table, row) {
      heldBytes += tables.get(table)?.add(row) ?? 0;
    },
    flush() {
      for (const table of tables.values()) table.flush();
      heldBytes = 0;
    },
    discard() {
      for (const table of tables.values()) table.discard();
      heldBytes = 0;
    },
    close() {
      for (const table of tables.values()) table.close();
    },
  };
}

type TableWriter = ReturnType<typeof createTableWriter>;

function createTableWriter(appender: DuckDBAppender, columns: [string, Kind][]) {
  const writes: [string, Write][] = columns.map(([name, kind]) => [name, WRITE[kind]]);
  let dirty = false;
  return {
    add(row: Record<string, Value>): number {
      let bytes = 0;
      for (const [name, write] of writes) {
        const value = row[name];
        bytes += typeof value === "string" ? value.length + 16 : 8;
        if (value === null || value === undefined) appender.appendNull();
        else write(appender, value);
      }
      appender.endRow();
      dirty = true;
      return bytes;
    },
    flush() {
      if (dirty) appender.flushSync();
      dirty = false;
    },
    discard: () => appender.clear(),
    close: () => appender.closeSync(),
  };
}

const text: Write = (appender, value) => appender.appendVarchar(String(value));

const WRITE: Readonly<Record<Kind, Write>> = {
  text,
  json: text,
  bool: (appender, value) => appender.appendBoolean(value === true),
  int(appender, value) {
    if (Number.isSafeInteger(value)) appender.appendBigInt(BigInt(value as number));
    else appender.appendNull();
  },
  double(appender, value) {
    if (Number.isFinite(value)) appender.appendDouble(value as number);
    else appender.appendNull();
  },
  time(appender, value) {
    if (isTime(value)) appender.appendTimestamp(new DuckDBTimestampValue(BigInt(Math.trunc(value)) * 1000n));
    else appender.appendNull();
  },
};

/** The range of JavaScript's own dates, ± 8.64e15 ms. */
function isTime(value: Value): value is number {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}
