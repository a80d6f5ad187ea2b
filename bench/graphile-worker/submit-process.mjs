// Submits to graphile-worker: add_jobs with 1,000 jobs a statement, from several connections at once.
import { makeWorkerUtils } from "graphile-worker";
import pg from "pg";
import { fileURLToPath } from "node:url";
import { startWorkers } from "../lib/runs.mjs";
import { measure, settings, TASK } from "../lib/submit.mjs";

// The ids come back, as with the other sides; whole rows would only cost the peer time.
const ADD = `select id from graphile_worker.add_jobs(array(
  select json_populate_recordset(null::graphile_worker.job_spec, $1::json)))`;
const LEFT = "select count(*)::int as count from graphile_worker._private_jobs";

const { tasks, batch, lanes, processes, database } = settings();
const pgPool = new pg.Pool({ ...database, max: lanes + 1 });
const report = (error) => console.error(error.message);
pgPool.on("error", report).on("connect", (client) => client.on("error", report));
const utils = await makeWorkerUtils({ pgPool });
await utils.migrate();

const workers = await startWorkers(fileURLToPath(new URL("worker-process.mjs", import.meta.url)), processes);
const JOB = { identifier: "noop", payload: TASK };
const specs = (count) => JSON.stringify(Array.from({ length: count }, () => JOB));
const result = await measure(workers, {
  tasks,
  batch,
  lanes,
  addBatch: (count) => pgPool.query({ name: "add", text: ADD, values: [specs(count)] }),
  unfinished: async () => (await pgPool.query(LEFT)).rows[0].count,
});
console.log(JSON.stringify(result));
process.exit(0);
