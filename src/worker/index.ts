export { Agent, type AgentOptions } from "./agent.ts";
export type { Executor, RunningAttempt } from "./executor.ts";
