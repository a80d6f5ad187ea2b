// One worker process of BullMQ.
import { Worker } from "bullmq";
import { countRuns, sayReady } from "../lib/runs.mjs";
import { settings } from "../lib/submit.mjs";

const { redis, queue, concurrency } = settings();
const ran = countRuns();

const worker = new Worker(queue, async () => ran(), {
  connection: { ...redis, maxRetriesPerRequest: null },
  concurrency,
  removeOnComplete: { count: 0 },
});
worker.on("error", (error) => console.error(error.message));
await worker.waitUntilReady();
sayReady();
