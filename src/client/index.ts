/** The typed client of the HTTP API, and where this user's coordinators are found. */
export type { ArtifactName } from "./artifacts.ts";
export { connect, type Client, type RunInput, type SqlQueryOptions, type SubmitOptions } from "./client.ts";
export { ApiError, Unreachable } from "./errors.ts";
export type { FeedOptions } from "./feed.ts";
export type { LogOptions, LogSearchOptions } from "./log.ts";
export {
  findCoordinator,
  listCoordinators,
  registerCoordinator,
  type RegisteredCoordinator,
} from "./registry.ts";
export type { ConnectOptions } from "./requests.ts";
export type { PageQuery, TaskQuery } from "./pages.ts";
export type { CaseView, DashboardView, DurationView } from "../protocol/index.ts";
