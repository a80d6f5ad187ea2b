/** testyard drain WORKER: no new tasks for it, and, when asked, the wait until it holds none. */
import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import type { Client } from "../../client/index.ts";
import type { WorkerView } from "../../protocol/index.ts";
import { CliError, usage } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { secondsToMs } from "../flags.ts";
import { onInterrupt } from "../interrupt.ts";
import { print, printJson, say } from "../io.ts";
import { clientOf, examples, type ClientFlags, type Finish, printsJson, reaches } from "./common.ts";

interface Flags extends ClientFlags {
  reason?: string;
  wait?: true;
  timeout?: number;
}

const LOOK_MS = 500;

export function registerDrain(program: Command, finish: Finish): void {
  const command = program
    .command("drain <worker>")
    .description("give a worker no new tasks, and wait until it holds none")
    .option("--reason <text>", "shown wherever the worker is")
    .option("--wait", "until it holds no task")
    .option("--timeout <s>", "how long to wait at most; then it ends with 5", secondsToMs)
    .action(async (id: string, flags: Flags) => finish(await drain(id, flags)));
  examples(printsJson(reaches(command)), [
    "testyard drain w3",
    "testyard drain w3 --wait --timeout 600 && ssh w3 reboot",
  ]);
}

async function drain(id: string, flags: Flags): Promise<number> {
  if (flags.timeout !== undefined && flags.wait !== true) throw usage("--timeout is of --wait");
  const client = await clientOf(flags);
  const worker = await client.drainWorker(id, flags.reason);
  if (flags.wait !== true) {
    show(worker, flags);
    return EXIT.passed;
  }
  const interrupt = onInterrupt();
  try {
    const empty = await untilEmpty(client, { worker, limitMs: flags.timeout, signal: interrupt.signal });
    if (empty === null) {
      say(`the worker stays cordoned; take it back with: testyard uncordon ${id}`);
      return EXIT.interrupted;
    }
    show(empty, flags);
    return EXIT.passed;
  } finally {
    interrupt.dispose();
  }
}

interface Wait {
  worker: WorkerView;
  limitMs: number | undefined;
  signal: AbortSignal;
}

/** @returns null when interrupted */
async function untilEmpty(client: Client, { worker, limitMs, signal }: Wait): Promise<WorkerView | null> {
  const deadline = performance.now() + (limitMs ?? Infinity);
  let told = -1;
  for (let now = worker; ; now = await client.worker(worker.worker_id)) {
    if (now.busy === 0) return now;
    if (signal.aborted) return null;
    if (performance.now() > deadline) throw stillBusy(now, limitMs ?? 0);
    if (now.busy !== told) say(`${now.worker_id} holds ${now.busy}: ${now.tasks.slice(0, 5).join(", ")}`);
    told = now.busy;
    // It rejects when interrupted, which the next turn sees.
    await pause(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

function stillBusy({ worker_id, busy }: WorkerView, limitMs: number): CliError {
  return new CliError({
    code: "wait_timed_out",
    exit: EXIT.waitTimedOut,
    message: `after ${limitMs / 1000} s ${worker_id} still holds ${busy}; it stays cordoned`,
    next: `testyard drain ${worker_id} --wait waits on, testyard uncordon ${worker_id} takes it back`,
  });
}

function show({ worker_id, busy, cordoned, ...worker }: WorkerView, { json }: Flags): void {
  if (json) return printJson({ worker_id, busy, cordoned, ...worker });
  const rest =
    busy === 0 ? "it is empty" : `it still holds ${busy}; testyard drain ${worker_id} --wait waits`;
  print(`${worker_id} takes no new tasks: ${cordoned}; ${rest}`);
}
