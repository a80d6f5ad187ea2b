/** Whether waiting can still help, asked of the coordinator that would have to place the tasks. */
import type { Client } from "../../client/index.ts";
import type { Explanation } from "../../protocol/index.ts";

const ASKED = 50;

/**
 * @returns for each task the reason per worker, when none of those asked about can be placed; null while one
 * could be. Tasks of one run are mostly alike, so a sample of them is asked about.
 */
export async function whyUnplaceable(
  client: Pick<Client, "explain">,
  tasks: readonly { task_id: string }[],
): Promise<Map<string, string> | null> {
  const reasons = new Map<string, string>();
  for (const { task_id } of tasks.slice(0, ASKED)) {
    const explanation = await client.explain(task_id);
    if (explanation === null) return null;
    if (explanation.workers.some(({ verdict }) => verdict === "fits" || verdict === "busy")) return null;
    reasons.set(task_id, reasonOf(explanation));
  }
  return reasons.size === 0 ? null : reasons;
}

export function reasonOf({ summary, workers }: Explanation): string {
  if (workers.length === 0) return "no worker is connected";
  return [summary, ...workers.map((worker) => `  ${worker.worker_id}: ${whyNot(worker)}`)].join("\n");
}

/** What keeps a task from one worker: all that it lacks for good, or what is in the way at the moment. */
export function whyNot({ verdict, reasons }: Explanation["workers"][number]): string {
  if (reasons.length === 0) return verdict.replaceAll("_", " ");
  if (verdict !== "does_not_fit") return reasons.map(({ asked, has }) => has || `no ${asked}`).join(", ");
  const missing = reasons.map(
    ({ requirement, asked, has }) => `${requirement} ${asked} (has ${has || "none"})`,
  );
  return `lacks ${missing.join(", ")}`;
}
