/** Results: the projection of the log into DuckDB. Only this folder knows the database. */
export { ResultsRefused, ResultsUnavailable, type RefusalCode } from "./errors.ts";
export type { LearnedDuration } from "./learned-durations.ts";
export type { ReadBlob } from "./projection.ts";
export type {
  CaseFilter,
  QueryAnswer,
  QueryName,
  QueryParams,
  ResultAttempt,
  ResultCase,
  ResultRun,
  ResultState,
  ResultTask,
  SlowCase,
  TaskFilter,
} from "./queries.ts";
export { openLocalResults, type LocalResultsOptions, type Results, type ResultsStatus } from "./results.ts";
export { startResults, type StartedResults, type StartResultsOptions } from "./start.ts";
