/** What every route needs: the yard behind the API, and the ports it stands on. */
import type { BlobStore } from "../../blobs/index.ts";
import type { EventLog } from "../../log/index.ts";
import type { Clock, Logger, Random } from "../../ports/index.ts";
import type { Results } from "../../results/index.ts";
import type { Automation } from "../automation.ts";
import type { Coordinator } from "../coordinator.ts";
import type { Exports } from "../exports.ts";
import type { FeedHub } from "../feed.ts";
import type { EventMetrics } from "../metrics/index.ts";
import type { RebuildJob } from "../rebuild-job.ts";
import type { TaskSignals } from "../task-signals.ts";

export interface HttpContext {
  coordinator: Coordinator;
  automation: Automation;
  feed: FeedHub;
  signals: TaskSignals;
  log: EventLog;
  blobs: BlobStore;
  results: Results;
  rebuild: RebuildJob;
  exports: Exports;
  clock: Clock;
  random: Random;
  logger: Logger;
  metrics: EventMetrics;
  /** Hex; who sends it may change things. */
  clientKey: string;
  /** Where people find the key. */
  dataDir: string;
  clusterId: string;
  coordinatorId: string;
  version: string;
  /** Monotonic. */
  startedAt: number;
  /** Milliseconds since 1970 of the oldest record: nothing that is younger was ever forgotten for its age. */
  logSince: number;
  /** The port that the server listens on, as clients write it in `Host`. */
  port: () => number;
  /** Aborted when the server closes: what streams for ever ends then. */
  closing: AbortSignal;
  /** Something broke after which this process must not go on. */
  fatal: (error: Error) => void;
}
