/**
 * What executors ask of the machine: start this and tell how it ended, with nothing of its tree left behind.
 * The real one is in platform/, which this folder cannot see; whoever wires a worker hands it in.
 */
import { randomUUID } from "node:crypto";
import type { RunProcess } from "../../adapters/index.ts";
import type { Clock } from "../../ports/index.ts";

export interface ProcessSpec {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Marks everything that it starts; no other process on the machine has it. */
  key: string;
  onOutput: (chunk: Uint8Array, stream: "stdout" | "stderr") => void;
}

export interface ProcessEnd {
  code: number | null;
  signal: string | null;
  usage: { cpuMs: number; maxRssBytes: number } | null;
  /** Processes that outlived the root and were ended. */
  leftBehind: number;
  /** Processes that could not be ended. */
  survivors: number;
}

export interface RunningProcess {
  /** Resolves when nothing of the tree is left; never rejects. */
  ended: Promise<ProcessEnd>;
  kill(graceMs: number): void;
}

/** Rejects with `SpawnProblem` when the process could not be begun. */
export type StartProcess = (spec: ProcessSpec) => Promise<RunningProcess>;

export interface SpawnProblem extends Error {
  code: "spawn_failed";
  errno: string;
  about: "program" | "folder" | "machine";
}

export function isSpawnProblem(error: unknown): error is SpawnProblem {
  return error instanceof Error && "code" in error && error.code === "spawn_failed";
}

const ANSWER_BYTES = 32 * 1024 * 1024;
const GRACE_MS = 500;

/** Runs a program for its answer, such as a version or a list of tests. Killed, it has no exit code. */
export function createRunProcess(options: {
  start: StartProcess;
  clock: Clock;
  env: Readonly<Record<string, string>>;
  /** Beginning of the keys of what it starts. */
  keyPrefix: string;
  signal?: AbortSignal;
}): RunProcess {
  return async (argv, { cwd, env, timeout_ms }) => {
    const gathered = { stdout: new Bounded(ANSWER_BYTES), stderr: new Bounded(ANSWER_BYTES) };
    const running = await options.start({
      argv,
      cwd,
      env: { ...options.env, ...env },
      key: `${options.keyPrefix}${randomUUID()}`,
      onOutput: (chunk, stream) => gathered[stream].add(chunk),
    });
    const cut = () => running.kill(GRACE_MS);
    const timer = options.clock.after(timeout_ms, cut);
    options.signal?.addEventListener("abort", cut);
    if (options.signal?.aborted === true) cut();
    const { code } = await running.ended;
    timer.cancel();
    options.signal?.removeEventListener("abort", cut);
    return { code, stdout: gathered.stdout.text(), stderr: gathered.stderr.text() };
  };
}

/** The first bytes of a stream. */
class Bounded {
  readonly #chunks: Uint8Array[] = [];
  #left: number;

  constructor(limit: number) {
    this.#left = limit;
  }

  add(chunk: Uint8Array): void {
    if (this.#left === 0) return;
    this.#chunks.push(chunk.subarray(0, this.#left));
    this.#left -= Math.min(this.#left, chunk.length);
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString("utf8");
  }
}
