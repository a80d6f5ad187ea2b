/** Following a run that somebody started: from its tasks as they are, and its feed from the beginning. */
import type { Client } from "../../client/index.ts";
import type { TaskView } from "../../protocol/index.ts";
import { clientFor } from "../connection.ts";
import type { ExitCode } from "../exit-codes.ts";
import { onInterrupt, type Interrupt } from "../interrupt.ts";
import { say } from "../io.ts";
import { conclude } from "./conclude.ts";
import { followRun } from "./follow.ts";
import { startProgress } from "./progress.ts";
import type { ReportFlags } from "./reports.ts";
import { RunBook, type BookTask } from "./run-book.ts";
import { coordinatorFlag, sayDetached } from "./run.ts";
import { startWait } from "./wait.ts";

export interface AttachFlags extends ReportFlags {
  coordinator?: string | undefined;
  dataDir?: string | undefined;
  clientKey?: string | undefined;
  placementTimeout: number | null;
  /** Milliseconds. */
  waitTimeout?: number | undefined;
  json?: true;
}

const ASKED_AT_ONCE = 8;

/** @param interrupt of a command that could be broken off before it came here */
export async function attach(
  runId: string,
  flags: AttachFlags,
  { interrupt = onInterrupt() }: { interrupt?: Interrupt } = {},
): Promise<number> {
  try {
    return await followed(runId, flags, interrupt);
  } finally {
    interrupt.dispose();
  }
}

async function followed(runId: string, flags: AttachFlags, { signal }: Interrupt): Promise<number> {
  const client = await clientFor(flags);
  const view = await client.run(runId);
  const tasks: TaskView[] = [];
  for await (const task of client.allTasks({ run_id: runId })) tasks.push(task);
  const book = new RunBook(await bookTasks(client, tasks), (ref) => client.document(ref));
  if (tasks.length > 0) {
    const code = await follow(client, { runId, book, flags, signal });
    if (code !== null) return code;
  }
  return conclude({
    run: { run_id: runId, name: view.name, project: view.project, url: client.url },
    startedAt: view.opened_at,
    // It may have ended long ago.
    endedAt: (await client.run(runId)).ended_at ?? Date.now(),
    book,
    problems: [],
    workspace: process.cwd(),
    flags,
    client,
    coordinator: { flag: coordinatorFlag(flags) },
  });
}

/** @returns null once the run has ended */
async function follow(
  client: Client,
  { runId, book, flags, signal }: { runId: string; book: RunBook; flags: AttachFlags; signal: AbortSignal },
): Promise<ExitCode | null> {
  const wait = startWait(signal, flags.waitTimeout);
  const progress = startProgress(book);
  say(`live at ${client.url}/`);
  const placementTimeoutMs = flags.placementTimeout;
  const where = { client, runId, book, progress, from: 0, placementTimeoutMs, signal: wait.signal };
  const end = await followRun(where).finally(() => {
    wait.dispose();
    progress.stop();
  });
  if (end !== "interrupted") return null;
  sayDetached(wait.code(), { runId, flag: coordinatorFlag(flags) });
  return wait.code();
}

/** The list does not say which framework a task is of; its configuration does. */
async function bookTasks(client: Client, tasks: readonly TaskView[]): Promise<BookTask[]> {
  const found: BookTask[] = [];
  for (let at = 0; at < tasks.length; at += ASKED_AT_ONCE) {
    const part = tasks.slice(at, at + ASKED_AT_ONCE);
    found.push(...(await Promise.all(part.map((task) => bookTask(client, task)))));
  }
  return found.reverse();
}

async function bookTask(client: Client, { task_id, name, type, retry_of }: TaskView): Promise<BookTask> {
  const plain = { task_id, name, framework: null, suite: ".", estimateMs: null, retryOf: retry_of };
  if (type !== "test") return plain;
  const { config } = await client.task(task_id);
  const text = (key: string, otherwise: string): string => {
    const value = config[key];
    return typeof value === "string" ? value : otherwise;
  };
  const isPartial = config["cases"] !== undefined;
  return { ...plain, framework: text("adapter", "") || null, suite: text("suite", "."), isPartial };
}
