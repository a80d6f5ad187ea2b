/**
 * Worker processes that belong to this one: started, started again when they die, ended by their pids.
 *
 * Each holds a pipe from us; when we are killed the pipe closes and the worker ends itself and its attempts,
 * so that nothing is left behind either way. A worker that dies at once again and again is not started for
 * ever.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface WorkerPoolOptions {
  url: string;
  key: string;
  count: number;
  slots: number;
  /** Each worker gets a folder in it. */
  dir: string;
  env?: Readonly<Record<string, string>>;
  /** Told of deaths and restarts. */
  onNote: (text: string) => void;
}

export interface WorkerPool {
  readonly pids: readonly number[];
  /** First asks, then ends: resolves when none is left. */
  close(): Promise<void>;
}

const RESTART_MS = 500;
const RESTART_LIMIT_MS = 10_000;
/** A worker that lived so long did not die of its start. */
const HEALTHY_MS = 10_000;
const QUICK_DEATHS = 5;
const CLOSE_MS = 5_000;
const PROGRAM = fileURLToPath(new URL("../main.js", import.meta.url));

export function startWorkers(options: WorkerPoolOptions): WorkerPool {
  const workers = Array.from({ length: options.count }, (_, i) => new OwnedWorker(options, `w${i + 1}`));
  return {
    get pids() {
      return workers.flatMap((worker) => worker.pid ?? []);
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

class OwnedWorker {
  readonly #options: WorkerPoolOptions;
  readonly #id: string;
  readonly #output: WriteStream;
  #child: ChildProcess | null = null;
  #gone: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #quickDeaths = 0;
  #isClosing = false;

  constructor(options: WorkerPoolOptions, id: string) {
    this.#options = options;
    this.#id = id;
    mkdirSync(options.dir, { recursive: true });
    this.#output = createWriteStream(join(options.dir, `${id}.log`), { flags: "a", mode: 0o600 });
    this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #start(): void {
    const { url, key, dir, slots, env } = this.#options;
    const flags = ["--coordinator", url, "--worker-id", this.#id, "--work-dir", join(dir, this.#id)];
    const child = spawn(process.execPath, [PROGRAM, "worker", ...flags, "--slots", String(slots)], {
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, ...env, TESTYARD_CLIENT_KEY: key, TESTYARD_OWNED: "1" },
    });
    const startedAt = performance.now();
    this.#child = child;
    child.stdin.on("error", () => {});
    child.stderr.pipe(this.#output, { end: false });
    this.#gone = new Promise((resolve) => {
      const ended = (how: string): void => {
        this.#child = null;
        resolve();
        this.#died(how, performance.now() - startedAt);
      };
      child.once("error", (error) => ended(error.message));
      child.once("exit", (code, signal) => ended(signal ?? `code ${code}`));
    });
  }

  #died(how: string, livedMs: number): void {
    if (this.#isClosing) return;
    this.#quickDeaths = livedMs < HEALTHY_MS ? this.#quickDeaths + 1 : 0;
    const { dir, onNote } = this.#options;
    const log = join(dir, `${this.#id}.log`);
    if (this.#quickDeaths > QUICK_DEATHS) {
      return onNote(
        `worker ${this.#id} died ${this.#quickDeaths} times in a row and is left out; see ${log}`,
      );
    }
    onNote(`worker ${this.#id} ended (${how}) and is started again`);
    const waitMs = Math.min(RESTART_LIMIT_MS, RESTART_MS * 2 ** Math.max(0, this.#quickDeaths - 1));
    this.#restart = setTimeout(() => this.#start(), waitMs);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child !== null) {
      child.kill("SIGTERM");
      // The closed pipe says "at once"; the signal alone would let running attempts finish.
      child.stdin?.end();
      const kill = setTimeout(() => child.kill("SIGKILL"), CLOSE_MS);
      await this.#gone;
      clearTimeout(kill);
    }
    await new Promise<void>((resolve) => this.#output.end(() => resolve()));
  }
}
