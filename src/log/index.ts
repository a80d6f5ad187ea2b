export * from "./errors.ts";
export * from "./event-log.ts";
export { createChain, foldLog, GENESIS, type Chain } from "./fold.ts";
export { openLmdbLog, type LmdbLog, type LmdbLogOptions } from "./lmdb.ts";
export {
  createMemoryLog,
  createMemoryStore,
  type AppendFault,
  type MemoryLog,
  type MemoryLogOptions,
  type MemoryStore,
} from "./memory.ts";
export { copyAsOtherCluster } from "./other-cluster.ts";
export { decodeRecord, sealRecord } from "./record.ts";
export { claimDirectory, refuseLivingLeader, type ClaimOptions, type DirectoryClaim } from "./owner.ts";
export { loadState, readLatestSnapshot, type LoadOptions, type Snapshot } from "./snapshot.ts";
export type { SnapshotReport } from "./snapshot-process.ts";
export {
  spawnSnapshot,
  type SnapshotRun,
  type SpawnSnapshotOptions,
} from "./spawn-snapshot.ts";
export { verifyLog, type Verification } from "./verify.ts";
