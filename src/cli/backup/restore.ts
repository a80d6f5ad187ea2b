/**
 * A yard made from a backup, in a folder of its own that gets its name when it is whole.
 *
 * Every file is held against its hash, the log is replayed, written again under a new cluster's id (see
 * log/other-cluster.ts for why) and replayed once more: both must say the same. Results are made at the
 * first start.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { copyAsOtherCluster, openLmdbLog, verifyLog, type Verification } from "../../log/index.ts";
import { infrastructure } from "../errors.ts";
import { refuseUsedFolder, writeDurably } from "./backup.ts";
import { type CopiedFile, copyFile, filesBelow } from "./copy-files.ts";
import { type BackupManifest, MANIFEST, readManifest } from "./manifest.ts";

export interface Restored {
  data_dir: string;
  cluster_id: string;
  former_cluster_id: string;
  position: number;
  with_keys: boolean;
  tasks: number;
  results: number;
  open: number;
}

/** Rejects with `target_not_empty`, `backup_incomplete`, `backup_damaged`, and then nothing is left there. */
export async function restoreBackup(
  backup: string,
  { dataDir, dbPath }: { dataDir: string; dbPath: string },
): Promise<Restored> {
  await refuseUsedFolder(dataDir);
  if (existsSync(dbPath)) {
    const message = `there are results at ${dbPath} already`;
    throw infrastructure("target_not_empty", message, "move them away, or name another place");
  }
  const manifest = await readManifest(backup);
  await refuseOthers(backup, manifest);
  const unfinished = `${dataDir}.${randomBytes(4).toString("hex")}.restoring`;
  await mkdir(unfinished, { recursive: true, mode: 0o700 });
  try {
    const restored = await fill(unfinished, backup, manifest);
    await rm(dataDir, { recursive: true, force: true });
    await mkdir(dirname(dataDir), { recursive: true });
    await rename(unfinished, dataDir);
    return { data_dir: dataDir, ...restored };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

/** A file that nobody vouches for would be served as if it had been saved. */
async function refuseOthers(backup: string, { files }: BackupManifest): Promise<void> {
  const known = new Set([MANIFEST, ...files.map(({ path }) => path)]);
  const found = (await filesBelow(backup, backup)).map((path) => path.replaceAll("\\", "/"));
  const foreign = found.find((path) => !known.has(path));
  if (foreign !== undefined) throw damaged(`${foreign} is in the folder and not in ${MANIFEST}`);
}

function damaged(what: string): Error {
  return infrastructure("backup_damaged", what, "take another backup; nothing was restored");
}

async function fill(
  dir: string,
  backup: string,
  manifest: BackupManifest,
): Promise<Omit<Restored, "data_dir">> {
  for (const file of manifest.files) await copyChecked(backup, dir, file);
  await rename(join(dir, "log"), join(dir, "former-log"));
  const cluster_id = randomBytes(16).toString("hex");
  const verified = await rewriteLog(dir, cluster_id);
  if (verified.tasks !== manifest.tasks || verified.results !== manifest.results) {
    throw damaged(`its log has ${verified.tasks} tasks, ${MANIFEST} says ${manifest.tasks}`);
  }
  await rm(join(dir, "former-log"), { recursive: true });
  await writeDurably(join(dir, "cluster.json"), `${JSON.stringify({ cluster_id })}\n`);
  const { cluster_id: former_cluster_id, position, with_keys, tasks, results } = manifest;
  return { cluster_id, former_cluster_id, position, with_keys, tasks, results, open: verified.open };
}

async function copyChecked(backup: string, dir: string, file: CopiedFile): Promise<void> {
  const copied = await copyFile(backup, dir, file.path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw damaged(`${file.path} is missing`);
    throw error;
  });
  if (copied.sha256 !== file.sha256) throw damaged(`${file.path} is not what was saved`);
}

async function rewriteLog(dir: string, clusterId: string): Promise<Verification> {
  const former = await openLmdbLog({ dir: join(dir, "former-log"), readOnly: true });
  const log = await openLmdbLog({ dir: join(dir, "log") });
  try {
    await copyAsOtherCluster(former, log, { clusterId });
    const verified = await verifyLog(log);
    if (!verified.ok) throw damaged(`its log is not whole: ${verified.problems[0]}`);
    return verified;
  } finally {
    await log.close();
    await former.close();
  }
}
