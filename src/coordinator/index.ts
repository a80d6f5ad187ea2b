export { Coordinator, type CoordinatorOptions, type Identity } from "./coordinator.ts";
export { LoopEnded, type Committed } from "./loop.ts";
export { DEFAULT_SETTINGS, type CoordinatorSettings } from "./settings.ts";
