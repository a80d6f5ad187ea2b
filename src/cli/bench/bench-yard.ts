/**
 * A yard for measurements: coordinator and workers each in a process of their own, in a folder that goes
 * after.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type Client } from "../../client/index.ts";
import { readClientKey } from "../../security/index.ts";
import { infrastructure } from "../errors.ts";
import { startWorkers, type WorkerPool } from "../yard/worker-pool.ts";

export interface BenchYard {
  client: Client;
  dataDir: string;
  dbPath: string;
  coordinatorPid: number;
  workers: WorkerPool;
  /** The coordinator is gone when it resolves, its files are still there. */
  stop(): Promise<void>;
  remove(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL("../main.js", import.meta.url));
const PATIENCE_MS = 60_000;

export async function startBenchYard(options: {
  workers: number;
  slots: number;
  env?: Readonly<Record<string, string>>;
  onNote: (text: string) => void;
}): Promise<BenchYard> {
  const folder = await mkdtemp(join(tmpdir(), "testyard-bench-"));
  const dataDir = join(folder, "yard");
  const child = spawn(process.execPath, [PROGRAM, "coordinator", "--port", "0", "--data-dir", dataDir], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const url = await addressOf(child);
  const key = await readClientKey(dataDir);
  const client = connect({ url, key });
  const { workers: count, slots, onNote } = options;
  const dir = join(folder, "workers");
  const workers = startWorkers({
    url,
    key,
    count,
    slots,
    dir,
    onNote,
    ...(options.env !== undefined && { env: options.env }),
  });
  await until(async () => (await client.status()).workers.connected === count, "all workers are connected");
  return {
    client,
    dataDir,
    dbPath: join(dataDir, "results.duckdb"),
    workers,
    coordinatorPid: child.pid ?? 0,
    async stop() {
      await workers.close();
      const gone = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await gone;
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function addressOf(child: ChildProcess): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-10_000);
      const [, url] = /coordinator at (http:\S+?),/.exec(said) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once("exit", () => reject(infrastructure("bench_coordinator", `the coordinator ended: ${said}`)));
  });
}

const LOOK_MS = 20;

export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw infrastructure("bench_stuck", `it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
