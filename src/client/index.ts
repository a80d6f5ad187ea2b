/**
 * The typed client of the HTTP API, and where this user's coordinators are found. For users it is
 * `import { connect } from "testyard/client"`: no database and no server comes with it.
 */
export type { ArtifactName } from "./artifacts.ts";
export {
  connect,
  type Client,
  type RetryOptions,
  type RunInput,
  type SqlQueryOptions,
  type SubmitOptions,
} from "./client.ts";
export { ApiError, Unreachable } from "./errors.ts";
export type { ExportFile } from "./exports.ts";
export type { FeedOptions } from "./feed.ts";
export type { LogOptions, LogSearchOptions } from "./log.ts";
export {
  findCoordinator,
  listCoordinators,
  registerCoordinator,
  type RegisteredCoordinator,
} from "./registry.ts";
export type { ConnectOptions } from "./requests.ts";
export type { PageQuery, RunQuery, TaskQuery } from "./pages.ts";
export type {
  ArtifactView,
  AttemptView,
  CaseView,
  DashboardView,
  DurationView,
  ExportInput,
  ExportStatus,
  FeedItem,
  LogMatch,
  Page,
  ProblemDetail,
  RebuildStatus,
  ResultDocument,
  RunView,
  SqlAnswer,
  StatusView,
  SubmitAnswer,
  TaskDetail,
  TaskExplanation,
  TaskInput,
  TaskView,
  WorkerView,
} from "../protocol/index.ts";
