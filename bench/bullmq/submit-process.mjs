// Submits to BullMQ: addBulk with 1,000 jobs a call, several calls in flight.
import { Queue } from "bullmq";
import { fileURLToPath } from "node:url";
import { startWorkers } from "../lib/runs.mjs";
import { measure, settings, TASK } from "../lib/submit.mjs";

const { tasks, batch, lanes, processes, redis, queue: name } = settings();
const queue = new Queue(name, { connection: redis, defaultJobOptions: { removeOnComplete: true } });
await queue.waitUntilReady();
const JOB = { name: "noop", data: TASK };

const workers = await startWorkers(fileURLToPath(new URL("worker-process.mjs", import.meta.url)), processes);
const result = await measure(workers, {
  tasks,
  batch,
  lanes,
  addBatch: (count) => queue.addBulk(Array.from({ length: count }, () => JOB)),
  async unfinished() {
    const counts = await queue.getJobCounts("wait", "active", "delayed", "prioritized", "failed", "paused");
    return Object.values(counts).reduce((total, each) => total + each, 0);
  },
});
console.log(JSON.stringify(result));
process.exit(0);
