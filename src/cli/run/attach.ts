/** Following a run that somebody started: from its tasks as they are, and its feed from the beginning. */
import type { Client } from "../../client/index.ts";
import type { TaskView } from "../../protocol/index.ts";
import { clientFor } from "../connection.ts";
import { EXIT } from "../exit-codes.ts";
import { onInterrupt } from "../interrupt.ts";
import { say } from "../io.ts";
import { conclude } from "./conclude.ts";
import { followRun } from "./follow.ts";
import { startProgress } from "./progress.ts";
import type { ReportFlags } from "./reports.ts";
import { RunBook, type BookTask } from "./run-book.ts";
import { coordinatorFlag } from "./run.ts";

export interface AttachFlags extends ReportFlags {
  coordinator?: string | undefined;
  dataDir?: string | undefined;
  placementTimeout: number | null;
  /** Milliseconds. */
  waitTimeout?: number | undefined;
  json?: true;
}

const ASKED_AT_ONCE = 8;

export async function attach(runId: string, flags: AttachFlags): Promise<number> {
  const client = await clientFor(flags);
  const view = await client.run(runId);
  const tasks: TaskView[] = [];
  for await (const task of client.allTasks({ run_id: runId })) tasks.push(task);
  const book = new RunBook(await bookTasks(client, tasks), (ref) => client.document(ref));
  const interrupt = onInterrupt();
  const stop = new AbortController();
  let isLate = false;
  interrupt.signal.addEventListener("abort", () => stop.abort());
  const limit =
    flags.waitTimeout === undefined
      ? undefined
      : setTimeout(() => {
          isLate = true;
          stop.abort();
        }, flags.waitTimeout);
  const progress = startProgress(book);
  const end = await followRun({
    client,
    runId,
    book,
    progress,
    from: 0,
    placementTimeoutMs: flags.placementTimeout,
    signal: stop.signal,
  }).finally(() => {
    clearTimeout(limit);
    progress.stop();
    interrupt.dispose();
  });
  if (end === "interrupted") {
    say(isLate ? "the wait timed out; the run goes on" : "detached; the run goes on");
    say(`again with: testyard run --attach ${runId}${coordinatorFlag(flags)}`);
    return isLate ? EXIT.waitTimedOut : EXIT.interrupted;
  }
  return conclude({
    run: { run_id: runId, name: view.name, project: view.project, url: null },
    startedAt: view.opened_at,
    book,
    problems: [],
    workspace: process.cwd(),
    flags,
    coordinator: { flag: coordinatorFlag(flags) },
  });
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

async function bookTask(client: Client, { task_id, name, type }: TaskView): Promise<BookTask> {
  const plain = { task_id, name, framework: null, suite: ".", estimateMs: null };
  if (type !== "test") return plain;
  const { config } = await client.task(task_id);
  const text = (key: string, otherwise: string): string => {
    const value = config[key];
    return typeof value === "string" ? value : otherwise;
  };
  return { ...plain, framework: text("adapter", "") || null, suite: text("suite", ".") };
}
