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
  if (found?.format === FORMAT && Array.isArray(found.files)) return found;
  throw infrastructure("backup_incomplete", `${join(dir, MANIFEST)} is not one of this version`, next);
}

function parsed(text: string): BackupManifest | null {
  try {
    return JSON.parse(text) as BackupManifest;
  } catch {
    return null;
  }
}
