/**
 * What a real process costs through the yard: `true`, with its workspace folder, its log and its result,
 * beside a loop that does nothing but start the same program as many at a time.
 *
 * More slots than cores, on both sides: `true` is over before its successor could be assigned, so with a
 * slot a core the yard would be measured by its round trips.
 */
import { spawn } from "node:child_process";
import type { TaskInput } from "../../protocol/index.ts";
import { startBenchYard, until } from "./bench-yard.ts";

export interface SpawnReport {
  tasks: number;
  workers: number;
  parallel: number;
  tasks_per_second: number;
  bare_spawns_per_second: number;
  /** Yard against bare loop. */
  ratio: number;
}

const TASK: TaskInput = { type: "command", config: { command: ["true"] } };
const BATCH = 1_000;

export async function benchSpawn(options: {
  tasks: number;
  workers: number;
  slots: number;
  onNote: (text: string) => void;
}): Promise<SpawnReport> {
  const { tasks, workers, slots, onNote } = options;
  const parallel = workers * slots;
  const yard = await startBenchYard({ workers, slots, onNote });
  try {
    onNote(`bare loop: ${tasks} × true, ${parallel} at a time`);
    const bare = await bareLoop(tasks, parallel);
    onNote(`yard: ${tasks} × true on ${parallel} slots`);
    const { run_id } = await yard.client.openRun({ name: "spawn" });
    const start = performance.now();
    for (let sent = 0; sent < tasks; sent += BATCH) {
      const count = Math.min(BATCH, tasks - sent);
      await yard.client.submitTasks(
        Array.from({ length: count }, () => TASK),
        { run_id },
      );
    }
    await until(async () => {
      const run = await yard.client.run(run_id);
      return run.total === tasks && run.counts.completed === tasks;
    }, "every task has succeeded");
    const rate = tasks / ((performance.now() - start) / 1000);
    return {
      tasks,
      workers,
      parallel,
      tasks_per_second: Math.round(rate),
      bare_spawns_per_second: Math.round(bare),
      ratio: Math.round((rate / bare) * 1000) / 1000,
    };
  } finally {
    await yard.stop();
    await yard.remove();
  }
}

async function bareLoop(count: number, parallel: number): Promise<number> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await new Promise((resolve, reject) => {
        const child = spawn("true", [], { stdio: ["ignore", "pipe", "pipe"] });
        child.once("error", reject);
        child.once("close", resolve);
      });
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: parallel }, lane));
  return count / ((performance.now() - start) / 1000);
}
