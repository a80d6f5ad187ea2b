/**
 * The yard of one run on this machine. It keeps its data by workspace, so that durations learned and files
 * cached serve the next run; while another run uses them, this one gets a private folder and leaves nothing.
 */
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stateDir } from "../../platform/index.ts";
import { startYard, type Yard, type YardOptions } from "../yard/yard.ts";

export function stateOf(workspace: string): string {
  return join(stateDir(), "runs", createHash("sha256").update(workspace).digest("hex").slice(0, 16));
}

export async function startEmbedded(
  workspace: string,
  options: Pick<YardOptions, "workers" | "slots" | "onNote">,
): Promise<Yard> {
  try {
    return await startYard({ ...options, port: 0, dataDir: join(stateOf(workspace), "yard") });
  } catch (error) {
    if (!isInUse(error)) throw error;
  }
  options.onNote("another run uses this workspace's history; this one starts without it and keeps none");
  const dataDir = await mkdtemp(join(tmpdir(), "testyard-run-"));
  const yard = await startYard({ ...options, port: 0, dataDir });
  return {
    ...yard,
    async close() {
      await yard.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "log_in_use";
}
