/** The real machine behind the ports: clock, chance, sockets, files, processes. Nothing in here decides. */
export { createClock } from "./clock.ts";
export { createLogger, type LoggerOptions, type LogLevel } from "./logger.ts";
export {
  type ProcessEnd,
  type ProcessSpec,
  type RunningProcess,
  SpawnFailed,
  startProcess,
} from "./process.ts";
export { processStartTime } from "./process-identity.ts";
export { ATTEMPT_KEY, killMarked } from "./process-tree.ts";
export { createRandom } from "./random.ts";
export { createFileSpool } from "./spool.ts";
export { type PlatformFacts, stateDir } from "./state-dir.ts";
export type { ProcessUsage } from "./usage.ts";
export { createWsDialer, wrapWebSocket, WS_MAX_PAYLOAD_BYTES, type WsOptions } from "./websocket.ts";
