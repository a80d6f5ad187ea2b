export { Coordinator, type CoordinatorOptions, type Identity } from "./coordinator.ts";
export { type Committed } from "./loop.ts";
export { DEFAULT_SETTINGS, type CoordinatorSettings } from "./settings.ts";
export { startServer, type ResultsSetup, type RunningServer, type ServerOptions } from "./server.ts";
export type { DashboardMessage } from "./http/index.ts";
export { registerLivePage } from "./live-page/index.ts";
