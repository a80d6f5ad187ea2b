/**
 * A results file that no coordinator has open, for reading: the same locks, the same gates, the same limits
 * as there. The log may hold more than the file; nobody is there to add it.
 */
import { openForReading } from "./database.ts";
import { createSqlRunner, type SqlAnswer, type SqlOptions, type SqlRequest } from "./sql.ts";

export interface ResultsFile {
  sql(request: SqlRequest): Promise<SqlAnswer>;
  close(): void;
}

/** Throws ResultsRefused: `results_missing`, `results_locked` and the like. */
export async function openResultsFile(
  path: string,
  { exportDir = null, ...options }: SqlOptions & { exportDir?: string | null } = {},
): Promise<ResultsFile> {
  const file = await openForReading(path, exportDir);
  const runner = createSqlRunner(file.connection, options);
  return { sql: (request) => runner.run(request), close: () => file.close() };
}
