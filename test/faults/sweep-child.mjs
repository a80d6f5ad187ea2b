// Sweeps the store in a folder and, at the step that is asked for, ends itself as kill -9 would.
//   node sweep-child.mjs DIR STEP NOW GRACE_MS NAMED…
import { openBlobReader, openBlobStore } from "../../dist/blobs/index.js";

const [dir, step, now, graceMs, ...named] = process.argv.slice(2);
const store = await openBlobStore({ dir });
const reader = openBlobReader(dir);
const plan = [];
const isKept = ({ task_id }) => named.includes(task_id);
const options = {
  isNamed: (hash) => named.includes(hash),
  isKept,
  now: Number(now),
  graceMs: Number(graceMs),
};
for await (const line of reader.plan(options)) plan.push(line);
await reader.close();

async function* lines() {
  yield* plan;
}

let steps = 0;
const onStep = () => {
  if (steps === Number(step)) process.kill(process.pid, "SIGKILL");
  steps += 1;
};
const report = await store.sweep(lines(), { now: options.now, graceMs: options.graceMs, onStep });
await store.close();
console.log(JSON.stringify({ ...report, steps }));
