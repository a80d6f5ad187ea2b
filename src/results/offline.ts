/**
 * A results file that no coordinator has open. For reading: the same locks, the same gates, the same limits
 * as there. The log may hold more than the file; nobody is there to add it. And made anew from the log.
 */
import type { EventLog } from "../log/index.ts";
import { openForReading } from "./database.ts";
import { type Digests, digests } from "./digests.ts";
import { messageOf, ResultsUnavailable } from "./errors.ts";
import type { ReadBlob } from "./projection.ts";
import { exportTables, type ExportOptions, type ExportReport, type ExportRequest } from "./export.ts";
import { createReader } from "./reader.ts";
import { rebuild, type RebuildReport } from "./rebuild.ts";
import { openLocalResults } from "./results.ts";
import { createSqlRunner, type SqlAnswer, type SqlOptions, type SqlRequest } from "./sql.ts";

export interface ResultsFile {
  sql(request: SqlRequest): Promise<SqlAnswer>;
  export(request: ExportRequest, options?: ExportOptions): Promise<ExportReport>;
  close(): void;
}

/** Throws ResultsRefused: `results_missing`, `results_locked` and the like. */
export async function openResultsFile(
  path: string,
  { exportDir = null, ...options }: SqlOptions & { exportDir?: string | null } = {},
): Promise<ResultsFile> {
  const file = await openForReading(path, exportDir);
  const runner = createSqlRunner(file.connection, options);
  return {
    sql: (request) => runner.run(request),
    export: (request, more) => exportTables(file.exporter, request, more),
    close: () => file.close(),
  };
}

const DIGEST_MS = 60_000;

/** The caller holds the data directory. Rejects with ResultsUnavailable, and the old file is as it was. */
export async function rebuildResultsFile(options: {
  log: EventLog;
  dbPath: string;
  clusterId: string;
  readBlob: ReadBlob;
}): Promise<RebuildReport> {
  const { log, dbPath, ...rest } = options;
  const before = await digestsOf(dbPath).catch(() => null);
  const { position } = await log.tip();
  const open = async (path: string) => {
    let onFailure: (error: unknown) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      onFailure = (error) => reject(new ResultsUnavailable(messageOf(error)));
    });
    failed.catch(() => {});
    return { results: await openLocalResults({ log, dbPath: path, ...rest, onFailure }), failed };
  };
  return rebuild({ dbPath, position, before, open });
}

async function digestsOf(path: string): Promise<Digests> {
  const file = await openForReading(path, null);
  try {
    return await digests(createReader(file.connection, { timeoutMs: DIGEST_MS }));
  } finally {
    file.close();
  }
}
