/**
 * A yard copied at one moment, whether its coordinator runs or not, and without asking it.
 *
 * The log first, by LMDB from within one read transaction. Then the blobs: each is on disk before the log
 * names it, and packs only grow, so whatever the copied log names is there to be copied after it. Files that
 * appear while blobs are copied are copied too, until none does. One that goes was thinned out: what counted
 * in it had been moved to a younger pack, and those are copied after the older ones. Not copied is what is
 * made from these: results, snapshots, the index of the blobs.
 */
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { decodeRecord, openLmdbLog, verifyLog, type LmdbLog, type Verification } from "../../log/index.ts";
import { infrastructure } from "../errors.ts";
import { version } from "../version.ts";
import { type CopiedFile, copyFile, copyIfThere, filesBelow, hashFile } from "./copy-files.ts";
import { type BackupManifest, MANIFEST, manifestOf } from "./manifest.ts";

export interface BackupOptions {
  dataDir: string;
  target: string;
  withKeys: boolean;
  now: number;
}

/** Rejects with `target_not_empty`, `log_truncated`, `backup_damaged` and what log and disk may say. */
export async function takeBackup({ dataDir, target, withKeys, now }: BackupOptions): Promise<BackupManifest> {
  await refuseUsedFolder(target);
  try {
    const log = await copyLog(dataDir, target);
    const files = [log.file, ...(await copyBlobs(dataDir, target))];
    if (withKeys) files.push(await copyFile(dataDir, target, "client-key"));
    const { tasks, results } = log.verified;
    const { clusterId: cluster_id, position } = log;
    const facts = { testyard: version(), cluster_id, position, taken_at: now, with_keys: withKeys };
    const manifest = manifestOf({ ...facts, tasks, results, files });
    await writeDurably(join(target, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  } catch (error) {
    await rm(target, { recursive: true, force: true });
    throw error;
  }
}

export async function refuseUsedFolder(path: string): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw infrastructure("target_not_empty", `${path} is not a folder`, "name one that is not there yet");
  });
  if (names.length === 0) return;
  throw infrastructure("target_not_empty", `${path} is not empty`, "name a folder that is not there yet");
}

interface CopiedLog {
  file: CopiedFile;
  clusterId: string;
  position: number;
  verified: Verification;
}

async function copyLog(dataDir: string, target: string): Promise<CopiedLog> {
  const dir = join(target, "log");
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const source = await openLmdbLog({ dir: join(dataDir, "log"), readOnly: true });
  try {
    await source.copyTo(dir);
  } finally {
    await source.close();
  }
  const handle = await open(join(dir, "data.mdb"), "r+");
  await handle.chmod(0o600);
  await handle.sync();
  await handle.close();
  const copy = await openLmdbLog({ dir, readOnly: true });
  let facts: Omit<CopiedLog, "file">;
  try {
    facts = await lookAt(copy);
  } finally {
    await copy.close();
  }
  await rm(join(dir, "lock.mdb"), { force: true });
  return { ...facts, file: await hashFile(target, "log/data.mdb") };
}

async function lookAt(log: LmdbLog): Promise<Omit<CopiedLog, "file">> {
  const verified = await verifyLog(log);
  if (!verified.ok) {
    const next = "testyard verify lists what is wrong with the log";
    throw infrastructure("backup_damaged", `the log is not whole: ${verified.problems[0]}`, next);
  }
  let clusterId = "";
  for await (const stored of log.read(await log.first())) {
    clusterId = decodeRecord(stored).cluster_id;
    break;
  }
  return { clusterId, position: (await log.tip()).position, verified };
}

const KEPT = ["packs", "objects"];

async function copyBlobs(dataDir: string, target: string): Promise<CopiedFile[]> {
  const copied = new Map<string, CopiedFile>();
  for (let found = -1; found !== copied.size; ) {
    found = copied.size;
    for (const part of KEPT) {
      const paths = await filesBelow(join(dataDir, "blobs", part), dataDir);
      for (const path of paths) {
        const file = copied.has(path) ? null : await copyIfThere(dataDir, target, path);
        if (file !== null) copied.set(path, file);
      }
    }
  }
  return [...copied.values()];
}

export async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
