/**
 * From a directory to a manifest. Only files that changed since the last scan are read; what cannot travel
 * (links out of the tree, sockets, pipes, devices, names no other system can hold) is left out and listed,
 * since a virtual environment with its absolute links must still ship.
 */
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "./errors.ts";
import { eachLimited, hashFile } from "./hash-file.ts";
import { readIgnoreRules } from "./ignore-rules.ts";
import { comparePaths, encodeManifest, hashOf, parentsOf } from "./manifest.ts";
import type { FileEntry, Manifest, ManifestEntry } from "./manifest.ts";
import { linkFault, targetFault } from "./path-rules.ts";
import { StatCache, stampOf } from "./stat-cache.ts";
import { trackedSelection, walkTree } from "./walk.ts";
import type { LeftOut, Walked, WalkedFile } from "./walk.ts";

const HASHES_AT_ONCE = 8;
const TRIES_PER_FILE = 3;

export interface ScanOptions {
  root: string;
  /** Ship only what git tracks. */
  onlyTracked?: boolean;
  /** Where hashes are remembered between scans; without it every file is read. */
  statCachePath?: string;
  /** Further patterns in gitignore syntax. */
  ignore?: string[];
  /** Milliseconds since 1970, as the file system's clock counts them. */
  now?: () => number;
}

export interface WorkspaceScan {
  manifest: Manifest;
  /** SHA-256 of the encoded manifest. */
  treeHash: string;
  leftOut: LeftOut[];
  /** Files that had to be read. */
  hashedFiles: number;
  totalBytes: number;
}

export async function scanWorkspace(options: ScanOptions): Promise<WorkspaceScan> {
  const { root } = options;
  const cache = await StatCache.open(options.statCachePath, (options.now ?? Date.now)());
  const rules = readIgnoreRules(root, options.ignore ?? []);
  const selection = options.onlyTracked === true ? await trackedSelection(root) : null;
  const walked = await walkTree(root, { rules, selection });
  const links = keptLinks(walked);
  const { files, hashedFiles } = await hashFiles(root, walked, cache);
  await cache.save();
  const dirs = selection === null ? emptyDirectories(walked, [...files, ...links]) : [];
  const entries: ManifestEntry[] = [...files, ...links, ...dirs].toSorted(comparePaths);
  const manifest: Manifest = { format: 1, entries };
  return {
    manifest,
    treeHash: hashOf(encodeManifest(manifest)),
    leftOut: walked.leftOut.toSorted(comparePaths),
    hashedFiles,
    totalBytes: files.reduce((sum, file) => sum + file.size, 0),
  };
}

/** Directories with nothing of the manifest below them. */
function emptyDirectories(walked: Walked, entries: readonly ManifestEntry[]): ManifestEntry[] {
  const held = new Set<string>();
  for (const path of walked.directories) for (const parent of parentsOf(path)) held.add(parent);
  for (const { path } of entries) for (const parent of parentsOf(path)) held.add(parent);
  return walked.directories.filter((path) => !held.has(path)).map((path) => ({ path, kind: "dir" }));
}

function keptLinks(walked: Walked): ManifestEntry[] {
  const kept: ManifestEntry[] = [];
  for (const [path, target] of walked.links) {
    const fault = targetFault(target) ?? linkFault(path, walked.links);
    if (fault === null) kept.push({ path, kind: "link", target });
    else walked.leftOut.push({ path, reason: `${fault} (→ ${target})` });
  }
  return kept;
}

async function hashFiles(
  root: string,
  walked: Walked,
  cache: StatCache,
): Promise<{ files: FileEntry[]; hashedFiles: number }> {
  const files: FileEntry[] = [];
  const unknown: WalkedFile[] = [];
  for (const file of walked.files) {
    const sha256 = cache.lookup(file.path, file.stat);
    if (sha256 === null) unknown.push(file);
    else files.push(fileEntry(file, Number(file.stat.size), sha256));
  }
  await eachLimited(unknown, HASHES_AT_ONCE, async (file) => {
    const entry = await hashSteady(root, file, cache);
    if (typeof entry === "string") walked.leftOut.push({ path: file.path, reason: entry });
    else files.push(entry);
  });
  return { files, hashedFiles: unknown.length };
}

/** Hashes a file, again when it changed meanwhile; a file that never holds still keeps its last hash. */
async function hashSteady(root: string, file: WalkedFile, cache: StatCache): Promise<FileEntry | string> {
  const full = join(root, file.path);
  let { stat } = file;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const { sha256, size } = await hashFile(full);
      const after = await lstat(full, { bigint: true });
      const steady = stampOf(after) === stampOf(stat);
      if (steady) cache.remember(file.path, stat, sha256);
      if (steady || attempt === TRIES_PER_FILE) return fileEntry({ path: file.path, stat }, size, sha256);
      stat = after;
    }
  } catch (error) {
    return `cannot be read (${errnoOf(error) ?? String(error)})`;
  }
}

function fileEntry(file: WalkedFile, size: number, sha256: string): FileEntry {
  const mode = (file.stat.mode & 0o111n) === 0n ? 0o644 : 0o755;
  return { path: file.path, kind: "file", mode, size, sha256 };
}
