/** What the feed of a run does not tell of an attempt: its machine, and the end of its log when it failed. */
import type { Client } from "../../client/index.ts";
import type { RunTaskView } from "../../protocol/index.ts";
import type { AttemptFacts, HardwareFacts, TaskFacts } from "../../reports/index.ts";

/** More would make a run of many failures wait for logs that nobody reads. */
const MOST_TAILS = 200;
const TAIL_BYTES = 4_096;
const ASKED_AT_ONCE = 8;

type Machine = Pick<RunTaskView["attempts"][number], "hw_class" | "capabilities">;

export function hardwareFacts({ hw_class, capabilities }: Machine): HardwareFacts | null {
  if (hw_class === null || capabilities === null) return null;
  const { os, arch, cpu, memory_mb, gpus } = capabilities;
  const { model: cpu_model, physical_cores, logical_cores } = cpu;
  const models = gpus.map(({ model }) => model);
  return { hw_class, os, arch, cpu_model, physical_cores, logical_cores, memory_mb, gpus: models };
}

export async function withHardware(client: Client, tasks: readonly TaskFacts[]): Promise<TaskFacts[]> {
  const workers = await client.workers().catch(() => []);
  const known = new Map(workers.map((it) => [it.worker_id, hardwareFacts(it)]));
  return mapAttempts(tasks, (attempt) => ({
    ...attempt,
    hardware: attempt.hardware ?? known.get(attempt.worker_id) ?? null,
  }));
}

/** A log that cannot be had leaves its place empty: the report is about more than logs. */
export async function withLogTails(client: Client, tasks: readonly TaskFacts[]): Promise<TaskFacts[]> {
  const wanted = tasks
    .flatMap(({ task_id, attempts }) => attempts.map((attempt) => ({ task_id, attempt })))
    .filter(({ attempt }) => attempt.outcome !== "passed" && attempt.log_bytes > 0)
    .slice(0, MOST_TAILS);
  const tails = new Map<AttemptFacts, string>();
  for (let at = 0; at < wanted.length; at += ASKED_AT_ONCE) {
    const part = wanted.slice(at, at + ASKED_AT_ONCE);
    await Promise.all(
      part.map(async ({ task_id, attempt }) => {
        const tail = await readTail(client, task_id, attempt).catch(() => null);
        if (tail !== null) tails.set(attempt, tail);
      }),
    );
  }
  return mapAttempts(tasks, (attempt) => ({ ...attempt, log_tail: tails.get(attempt) ?? null }));
}

async function readTail(
  client: Client,
  taskId: string,
  { attempt, log_bytes }: AttemptFacts,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  const from = Math.max(0, log_bytes - TAIL_BYTES);
  for await (const chunk of client.log(taskId, { attempt, from, to: log_bytes })) chunks.push(chunk);
  const text = new TextDecoder().decode(Buffer.concat(chunks));
  // The cut may have gone through a character.
  return from === 0 ? text : text.replace(/^\ufffd{1,3}/, "");
}

function mapAttempts(
  tasks: readonly TaskFacts[],
  change: (attempt: AttemptFacts) => AttemptFacts,
): TaskFacts[] {
  return tasks.map((task) => ({ ...task, attempts: task.attempts.map(change) }));
}
