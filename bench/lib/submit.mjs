// The clock of a peer, in the process that submits: from the request with the first task to the moment at
// which the store holds the end of the last one. Workers are connected before and the code has run warm.
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 2;
const WARM_UP_TASKS = 2_000;

/** The same document that Testyard is given for each task. */
export const TASK = { type: "command", config: { command: ["true"] } };

/** What the parent process asks for; see the sides. */
export const settings = () => JSON.parse(process.env.BENCH_SETTINGS);

/** `addBatch(count)` resolves when they are durable; `unfinished()` is what the store still has to do. */
export async function measure(workers, { tasks, batch, lanes, addBatch, unfinished }) {
  const send = (count) => submitAll(count, { batch, lanes, addBatch });
  const drained = async (target) => {
    await workers.reach(target);
    while ((await unfinished()) > 0) await sleep(LOOK_MS);
  };
  await Promise.all([send(WARM_UP_TASKS), drained(WARM_UP_TASKS)]);
  const start = performance.now();
  const isDone = drained(WARM_UP_TASKS + tasks);
  await send(tasks);
  const submittedAt = performance.now();
  await isDone;
  const seconds = (performance.now() - start) / 1000;
  const completed = (await workers.stop()) - WARM_UP_TASKS;
  return { tasks, completed, seconds, submit_seconds: (submittedAt - start) / 1000 };
}

async function submitAll(tasks, { batch, lanes, addBatch }) {
  let left = tasks;
  const lane = async () => {
    while (left > 0) {
      const count = Math.min(batch, left);
      left -= count;
      await addBatch(count);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
