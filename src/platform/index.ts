/** The real machine behind the ports: clock, chance, sockets, files, processes. Nothing in here decides. */
export { createClock } from "./clock.ts";
export { createHttpsPoster } from "./https-post.ts";
export { createResolver } from "./resolver.ts";
export { createLogger } from "./logger.ts";
export { startProcess } from "./process.ts";
export { processStartTime } from "./process-identity.ts";
export { killMarked } from "./process-tree.ts";
export { createRandom } from "./random.ts";
export { createFileSpool } from "./spool.ts";
export { configDir, stateDir } from "./state-dir.ts";
export { createWsDialer, wrapWebSocket, WS_MAX_PAYLOAD_BYTES } from "./websocket.ts";
