/**
 * Artifacts to files. Their paths were chosen by tests, so nothing here trusts them: what leads out of the
 * folder, or through a link in it, is left out with the reason. A file has its name only once all of its
 * bytes have come and hash to what was announced.
 */
import { createHash, randomUUID } from "node:crypto";
import { lstat, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { Client } from "../../client/index.ts";
import { ApiError } from "../../client/index.ts";
import type { ArtifactView } from "../../protocol/index.ts";

export interface Downloaded {
  files: { attempt: number; path: string; file: string; size_bytes: number }[];
  skipped: { attempt: number; path: string; reason: string }[];
}

const TRIES = 3;

export async function downloadArtifacts(
  client: Pick<Client, "artifact">,
  items: readonly ArtifactView[],
  { dir }: { dir: string },
): Promise<Downloaded> {
  await mkdir(dir, { recursive: true });
  const root = await realpath(dir);
  const done: Downloaded = { files: [], skipped: [] };
  for (const item of items) {
    const { attempt, path, size_bytes } = item;
    const reason = await download(client, item, root);
    if (reason === null) {
      done.files.push({ attempt, path, file: join(dir, placeOf(item)), size_bytes });
    } else done.skipped.push({ attempt, path, reason });
  }
  return done;
}

function placeOf({ attempt, path }: ArtifactView): string {
  return join(`attempt-${attempt}`, ...path.split("/"));
}

/** @returns why it was left out */
async function download(
  client: Pick<Client, "artifact">,
  item: ArtifactView,
  root: string,
): Promise<string | null> {
  if (!item.is_kept) return "its bytes are no longer kept";
  if (!isSafe(item.path)) return "its path leads out of the folder";
  const target = join(root, placeOf(item));
  const folder = dirname(target);
  const blocked = await makeFolder(root, folder);
  if (blocked !== null) return blocked;
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetchTo(client, item, target);
    } catch (error) {
      if (error instanceof ApiError && error.status < 500) return error.detail;
      if (tries >= TRIES || isLocal(error)) throw error;
    }
  }
}

/** Names that no file system takes for a way upwards, on any system. */
function isSafe(path: string): boolean {
  if (/[\0\\]/.test(path) || /^[a-zA-Z]:/.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** Part by part: a link that lies in the way is not followed. */
async function makeFolder(root: string, folder: string): Promise<string | null> {
  let at = root;
  for (const part of relative(root, folder).split(sep)) {
    at = join(at, part);
    await mkdir(at).catch(() => {});
    const info = await lstat(at).catch(() => null);
    if (info?.isDirectory() !== true) return `${at} is no folder, so nothing is put below it`;
  }
  return null;
}

async function fetchTo(
  client: Pick<Client, "artifact">,
  item: ArtifactView,
  target: string,
): Promise<string | null> {
  const temporary = join(dirname(target), `.testyard-${randomUUID()}.part`);
  const file = await open(temporary, "wx", 0o644);
  try {
    const digest = createHash("sha256");
    for await (const chunk of client.artifact(item.task_id, item)) {
      digest.update(chunk);
      await file.writeFile(chunk);
    }
    await file.close();
    if (digest.digest("hex") !== item.sha256) throw new Error(`${item.path} arrived damaged`);
    // Replaces a link, if there is one, and does not follow it.
    await rename(temporary, target);
    return null;
  } finally {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
  }
}

function isLocal(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && "path" in error;
}
