/**
 * Results: the projection of the log into DuckDB. Only this folder knows the database.
 *
 * What cannot be used or answered is told by the `code` of the error: `results_unavailable` for a query that
 * has no answer now, and the codes in errors.ts for a file that a person has to look at.
 */
export { describeSchema, schemaMarkdown } from "./describe.ts";
export {
  type ExportFormat,
  type ExportReport,
  type ExportRequest,
} from "./export.ts";
export { openResultsFile, rebuildResultsFile } from "./offline.ts";
export type { ReadBlob } from "./projection.ts";
export type {
  CasePlace,
  ResultArtifact,
  ResultAttempt,
  ResultCase,
  ResultRun,
  ResultTask,
} from "./queries.ts";
export type { RunTask } from "./run-report.ts";
export { openLocalResults, type Results } from "./results.ts";
export type { RebuildReport } from "./rebuild.ts";
export { startResults } from "./start.ts";
export type { SqlAnswer, SqlRequest } from "./sql.ts";
