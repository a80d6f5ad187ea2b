export { Agent, type AgentOptions } from "./agent.ts";
export type { Executor, RunningAttempt } from "./executor.ts";
export * from "./bulk/index.ts";
export * from "./capabilities/index.ts";
export * from "./executors/index.ts";
export { createRunProcess } from "./executors/index.ts";
export { runWorker, type RunningWorker, type WorkerOptions } from "./main.ts";
