/** Times and limits of a coordinator, with their defaults. */
export interface CoordinatorSettings {
  /** How often a worker says that it is there. */
  heartbeatMs: number;
  /** Silence after which a worker is shown as suspect and gets nothing new. */
  suspectMs: number;
  /** A worker may run its attempts for so long after its last acknowledged heartbeat. */
  leaseMs: number;
  /** Added on the coordinator's side, for clocks that run at unequal rates. */
  marginMs: number;
  /** After a start nobody is lost before lease + this: workers need time to find the coordinator. */
  reconnectWindowMs: number;
  /** Ended tasks stay in memory so long, unless there are more than `keepEndedTasks`. */
  keepEndedMs: number;
  keepEndedTasks: number;
  /** Bytes waiting on a worker's connection before it is closed as too slow. */
  maxBufferedBytes: number;
}

export const DEFAULT_SETTINGS: CoordinatorSettings = {
  heartbeatMs: 5_000,
  suspectMs: 10_000,
  leaseMs: 20_000,
  marginMs: 4_000,
  reconnectWindowMs: 30_000,
  keepEndedMs: 600_000,
  keepEndedTasks: 5_000,
  maxBufferedBytes: 4 * 1024 * 1024,
};
