/** Where an attempt runs: a prepared workspace, or a fresh empty folder; and the folder for its reports. */
import { existsSync } from "node:fs";
import { mkdir, rm, rmdir, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve } from "node:path";
import type { BlobFetcher, WorkspaceCache } from "../../workspace/index.ts";
import type { Assignment } from "../../protocol/index.ts";
import { AttemptFailure } from "./failure.ts";

export interface Space {
  /** What paths of the task are relative to. */
  root: string;
  /** Empty, outside the workspace. */
  resultDir: string;
  /** Removes what is the attempt's alone; the workspace stays warm. */
  release(): Promise<void>;
}

export async function openSpace(options: {
  assignment: Assignment;
  /** The attempt's own, of which the names of its folders are made. */
  home: string;
  workspace: string | null;
  cache: Pick<WorkspaceCache, "prepare">;
  fetcher: BlobFetcher;
}): Promise<Space> {
  const { home, workspace, assignment } = options;
  const resultDir = `${home}.results`;
  // Made by the adapter's part, when there is one.
  const removeResults = () => (existsSync(resultDir) ? removeFolder(resultDir) : Promise.resolve());
  if (workspace === null) {
    await mkdir(home, { recursive: true });
    return { root: home, resultDir, release: () => removeFolder(home).then(removeResults) };
  }
  const { slot, run_id: scope } = assignment;
  const prepared = await options.cache.prepare({
    treeHash: workspace,
    slot,
    scope,
    fetcher: options.fetcher,
  });
  const release = async () => {
    prepared.release();
    await removeResults();
  };
  return { root: prepared.dir, resultDir, release };
}

/** Most tasks leave their folder empty, and then one call is enough. */
async function removeFolder(path: string): Promise<void> {
  await rmdir(path).catch(() => rm(path, { recursive: true, force: true }).catch(() => {}));
}

/**
 * An absolute folder is on this machine, and only a task without a workspace may mean that. A relative one
 * stays inside: what leads out of a workspace is a mistake that would work on one worker and not on the next.
 */
export async function folderIn(
  root: string,
  folder: string,
  options: { hasWorkspace: boolean },
): Promise<string> {
  if (folder === ".") return root;
  if (isAbsolute(folder) && options.hasWorkspace) {
    throw new AttemptFailure("failed", {
      code: "config_invalid",
      message: `${folder}: with a workspace, folders are relative to it`,
    });
  }
  const path = resolve(root, folder);
  const way = relative(root, path);
  if (!isAbsolute(folder) && (way === ".." || way.startsWith("../") || isAbsolute(way))) {
    throw new AttemptFailure("failed", {
      code: "config_invalid",
      message: `${folder} leads out of the workspace`,
    });
  }
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() === true) return path;
  throw new AttemptFailure("failed", {
    code: "folder_missing",
    message: `there is no folder ${folder} in the workspace`,
  });
}
