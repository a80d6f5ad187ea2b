/** The artifacts of a run whose yard goes with it: copied out before it does. */
import { join } from "node:path";
import type { Client } from "../../client/index.ts";
import { oneLine, type TaskFacts } from "../../reports/index.ts";
import { say } from "../io.ts";
import { downloadArtifacts } from "./download.ts";

/** To `DIR/artifacts/TASK/attempt-N/…`; what a reused task left lies with the run that it is from. */
export async function copyArtifacts(
  client: Pick<Client, "artifact" | "artifacts">,
  tasks: readonly TaskFacts[],
  { dir }: { dir: string },
): Promise<void> {
  const own = tasks.filter(({ reused_from }) => (reused_from ?? null) === null);
  const leaving = own.filter(({ attempts }) => attempts.some(({ artifacts = [] }) => artifacts.length > 0));
  let count = 0;
  for (const { task_id } of leaving) {
    const to = { dir: join(dir, "artifacts", task_id) };
    const { files, skipped } = await downloadArtifacts(client, await client.artifacts(task_id), to);
    for (const { path, reason } of skipped) say(`left out ${oneLine(path)}: ${reason}`);
    count += files.length;
  }
  if (count > 0) say(`artifacts: ${count} in ${join(dir, "artifacts")}`);
}
