// One worker process of graphile-worker: jobs are fetched in blocks, and completions leave in batches.
import { Logger, run } from "graphile-worker";
import pg from "pg";
import { countRuns, sayReady } from "../lib/runs.mjs";
import { settings } from "../lib/submit.mjs";

const { database, pool_size, concurrency, local_queue, complete_batch_delay_ms } = settings();
const ran = countRuns();
const report = (error) => console.error(error.message);
const isTold = ({ level }) => level === "error" || level === "warning";

const pgPool = new pg.Pool({ ...database, max: pool_size });
pgPool.on("error", report).on("connect", (client) => client.on("error", report));

await run({
  pgPool,
  preset: {
    worker: {
      concurrentJobs: concurrency,
      localQueue: { size: local_queue },
      completeJobBatchDelay: complete_batch_delay_ms,
      failJobBatchDelay: complete_batch_delay_ms,
      logger: new Logger(() => (level, message) => isTold({ level }) && console.error(message)),
    },
  },
  noHandleSignals: true,
  taskList: { noop: () => ran() },
});
sayReady();
