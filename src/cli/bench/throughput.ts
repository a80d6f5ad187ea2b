/**
 * What the yard itself costs: no-op tasks through a real coordinator, real workers, the durable log and
 * DuckDB.
 *
 * Two phases, so that neither spoils the other. Low load first: one task at a time, 90 a second, from the
 * request to the moment at which the run's feed says that it has ended. Then everything at once, in batches
 * of 1,000, from the first request to the last task's end; CPU is what the processes used in that time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../client/index.ts";
import type { TaskInput } from "../../protocol/index.ts";
import { openLocalResults } from "../../results/index.ts";
import { openLmdbLog } from "../../log/index.ts";
import { join } from "node:path";
import { startBenchYard, until, type BenchYard } from "./bench-yard.ts";
import { childrenOf, cpuUsOf } from "./cpu.ts";
import { measureFlush, percentile } from "./flush.ts";

export interface ThroughputReport {
  tasks: number;
  workers: number;
  slots_per_worker: number;
  tasks_per_second: number;
  submit_seconds: number;
  seconds: number;
  /** null where the system does not tell. */
  coordinator_cpu_us_per_task: number | null;
  results_cpu_us_per_task: number | null;
  submit_to_done_ms: { p50: number; p99: number; tasks: number; per_second: number };
  /** One append at a time, at the pace of the low load, and in a row. */
  flush_ms: number;
  flush_in_a_row_ms: number;
  /** Seconds after the last task's end until DuckDB held everything. */
  results_lag_seconds: number;
  /** Ended tasks of the run as DuckDB holds them, counted when the coordinator was gone. */
  results_rows: number;
}

const BATCH = 1_000;
const BATCHES_AT_ONCE = 4;
const SLOTS = 256;
const LOW_LOAD_PER_SECOND = 90;
const LOW_LOAD_TASKS = 450;
const TASK: TaskInput = { type: "command", config: { command: ["true"] } };

export async function benchThroughput(options: {
  tasks: number;
  workers: number;
  onNote: (text: string) => void;
}): Promise<ThroughputReport> {
  const { tasks, workers, onNote } = options;
  const env = { TESTYARD_BENCH_NOOP: "1" };
  const yard = await startBenchYard({ workers, slots: SLOTS, env, onNote });
  try {
    const flush_ms = await measureFlush(yard.dataDir, { pauseMs: 1000 / LOW_LOAD_PER_SECOND });
    const flush_in_a_row_ms = await measureFlush(yard.dataDir, { pauseMs: 0 });
    onNote(`low load: ${LOW_LOAD_TASKS} tasks, ${LOW_LOAD_PER_SECOND} a second`);
    const latencies = await lowLoad(yard.client);
    onNote(`full load: ${tasks} tasks in batches of ${BATCH}`);
    const full = await fullLoad(yard, tasks);
    const { cluster_id } = await yard.client.status();
    await yard.stop();
    return {
      tasks,
      workers,
      slots_per_worker: SLOTS,
      ...full.numbers,
      flush_ms: round(flush_ms),
      flush_in_a_row_ms: round(flush_in_a_row_ms),
      submit_to_done_ms: {
        p50: round(percentile(latencies, 0.5)),
        p99: round(percentile(latencies, 0.99)),
        tasks: latencies.length,
        per_second: LOW_LOAD_PER_SECOND,
      },
      results_rows: await countRows(yard, { runId: full.runId, clusterId: cluster_id }),
    };
  } finally {
    await yard.stop();
    await yard.remove();
  }
}

async function lowLoad(client: Client): Promise<number[]> {
  const { run_id, position } = await client.openRun({ name: "low load" });
  const submitted = new Map<string, number>();
  const ended = new Map<string, number>();
  const stop = new AbortController();
  const reading = (async () => {
    for await (const item of client.feed(run_id, { from: position, signal: stop.signal })) {
      if (item.kind === "task_ended") ended.set(item.task_id, performance.now());
      if (ended.size === LOW_LOAD_TASKS) return;
    }
  })();
  const start = performance.now();
  const sending: Promise<void>[] = [];
  for (let i = 0; i < LOW_LOAD_TASKS; i++) {
    await sleep(Math.max(0, start + (i * 1000) / LOW_LOAD_PER_SECOND - performance.now()));
    const since = performance.now();
    sending.push(
      client.submitTask(TASK, { run_id }).then(({ task_id }) => {
        submitted.set(task_id, since);
      }),
    );
  }
  await Promise.all(sending);
  await until(async () => ended.size === LOW_LOAD_TASKS, "the feed has told of every task's end");
  stop.abort();
  await reading;
  return [...ended].flatMap(([id, at]) => {
    const since = submitted.get(id);
    return since === undefined ? [] : [at - since];
  });
}

async function fullLoad({ client, coordinatorPid }: BenchYard, tasks: number) {
  const { run_id } = await client.openRun({ name: "full load" });
  const [resultsPid] = childrenOf(coordinatorPid);
  const before = {
    own: cpuUsOf(coordinatorPid),
    results: resultsPid === undefined ? null : cpuUsOf(resultsPid),
  };
  const start = performance.now();
  await submitAll(client, { runId: run_id, tasks });
  const submittedAt = performance.now();
  await until(async () => {
    const run = await client.run(run_id);
    return run.total === tasks && run.open === 0;
  }, "every task has ended");
  const endedAt = performance.now();
  const own = perTask(cpuUsOf(coordinatorPid), { before: before.own, tasks });
  const target = (await client.status()).position;
  await until(async () => (await client.status()).results.watermark >= target, "DuckDB holds everything");
  const projectedAt = performance.now();
  const after = resultsPid === undefined ? null : cpuUsOf(resultsPid);
  const seconds = (endedAt - start) / 1000;
  return {
    runId: run_id,
    numbers: {
      tasks_per_second: Math.round(tasks / seconds),
      submit_seconds: round((submittedAt - start) / 1000),
      seconds: round(seconds),
      coordinator_cpu_us_per_task: own,
      results_cpu_us_per_task: perTask(after, { before: before.results, tasks }),
      results_lag_seconds: round((projectedAt - endedAt) / 1000),
    },
  };
}

function perTask(
  after: number | null,
  { before, tasks }: { before: number | null; tasks: number },
): number | null {
  return after === null || before === null ? null : round((after - before) / tasks);
}

async function submitAll(client: Client, { runId, tasks }: { runId: string; tasks: number }): Promise<void> {
  let left = tasks;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      const count = Math.min(BATCH, left);
      left -= count;
      await client.submitTasks(
        Array.from({ length: count }, () => TASK),
        { run_id: runId },
      );
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, lane));
}

/** From the file itself, with its owner gone. */
async function countRows(yard: BenchYard, of: { runId: string; clusterId: string }): Promise<number> {
  const log = await openLmdbLog({ dir: join(yard.dataDir, "log"), readOnly: true });
  try {
    const { dbPath } = yard;
    const readBlob = () => Promise.resolve(null);
    const results = await openLocalResults({ log, dbPath, clusterId: of.clusterId, readBlob });
    try {
      const run = await results.query("run", { run_id: of.runId });
      return run?.counts.completed ?? 0;
    } finally {
      await results.close();
    }
  } finally {
    await log.close();
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
