// How the submitter learns that its tasks ran, cheaply: each worker process counts the runs of its no-op
// handler and tells the sum over its own channel, a few hundred times a second at most. The store is asked
// only when the sum is complete, so that no polling slows the peer down.
import { fork } from "node:child_process";

const TELL_MS = 3;

/** In a worker process: call the result once for each run. */
export function countRuns() {
  let runs = 0;
  let timer;
  const tell = (more, then) => process.send?.({ runs, ...more }, then);
  process.on("message", () => {
    clearTimeout(timer);
    tell({ last: true }, () => process.exit(0));
  });
  process.on("disconnect", () => process.exit(1));
  return () => {
    runs += 1;
    timer ??= setTimeout(() => {
      timer = undefined;
      tell({});
    }, TELL_MS);
  };
}

export const sayReady = () => process.send?.({ runs: 0, ready: true });

/** In the submitter: starts `count` processes of a module and adds up what they tell. */
export async function startWorkers(module, count) {
  const runs = Array.from({ length: count }, () => 0);
  let waiting = [];
  const sum = () => runs.reduce((total, each) => total + each, 0);
  let isStopping = false;
  const children = runs.map((_, index) => {
    const child = fork(module, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    child.once("exit", (code, signal) => isStopping || giveUp(signal ?? `exit code ${code}`));
    child.on("message", (message) => {
      runs[index] = message.runs;
      const total = sum();
      for (const { target, resolve } of waiting) if (total >= target) resolve();
      waiting = waiting.filter(({ target }) => total < target);
    });
    return child;
  });
  await Promise.all(children.map((child) => told(child, "ready")));
  return {
    reach: (target) => new Promise((resolve) => waiting.push({ target, resolve })),
    /** Resolves to the final sum, when no worker can run anything any more. */
    async stop() {
      isStopping = true;
      const last = children.map((child) => told(child, "last"));
      for (const child of children) child.send("stop");
      await Promise.all(last);
      return sum();
    },
  };
}

function told(child, what) {
  return new Promise((resolve) => child.on("message", (message) => message[what] === true && resolve()));
}

function giveUp(how) {
  console.error(`a worker process ended with ${how}`);
  process.exit(1);
}
