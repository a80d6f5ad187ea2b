/** backup.json: what a backup holds, written last. A folder without it is not a whole backup. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { infrastructure } from "../errors.ts";
import type { CopiedFile } from "./copy-files.ts";

const FORMAT = 1;
export const MANIFEST = "backup.json";

export interface BackupManifest {
  format: typeof FORMAT;
  testyard: string;
  cluster_id: string;
  /** The last record of the log that is in it. */
  position: number;
  /** Milliseconds since 1970. */
  taken_at: number;
  with_keys: boolean;
  tasks: number;
  results: number;
  files: CopiedFile[];
}

export function manifestOf(facts: Omit<BackupManifest, "format">): BackupManifest {
  return { format: FORMAT, ...facts };
}

export async function readManifest(dir: string): Promise<BackupManifest> {
  const next = "name the folder that testyard backup has made";
  const text = await readFile(join(dir, MANIFEST), "utf8").catch(() => null);
  if (text === null) throw infrastructure("backup_incomplete", `${dir} holds no whole backup`, next);
  const found = parsed(text);
  if (found?.format === FORMAT && Array.isArray(found.files)) {
    const foreign = found.files.find((file) => !isOurs(file, found));
    if (foreign === undefined) return found;
    const message = `${MANIFEST} names what no backup holds: ${JSON.stringify(foreign)?.slice(0, 200)}`;
    throw infrastructure("backup_damaged", message, "take another backup; nothing was restored");
  }
  throw infrastructure("backup_incomplete", `${join(dir, MANIFEST)} is not one of this version`, next);
}

const DATA = /^(log\/data\.mdb|blobs\/(packs|objects)\/[\w./-]+)$/;

/** Who gave this folder may not be who took it: no key, results or index of theirs gets into a yard by it. */
function isOurs(file: Partial<CopiedFile> | null, { with_keys }: BackupManifest): boolean {
  const { path, sha256 } = file ?? {};
  if (typeof path !== "string" || typeof sha256 !== "string" || path.split("/").includes("..")) return false;
  return DATA.test(path) || (path === "client-key" && with_keys === true);
}

function parsed(text: string): BackupManifest | null {
  try {
    return JSON.parse(text) as BackupManifest;
  } catch {
    return null;
  }
}
