/**
 * Which files an attempt left that its task asked to keep.
 *
 * A workspace is used again by the next task of its run, so a file that matches need not be this attempt's:
 * the folder is looked at before the process starts, and what is unchanged afterwards is not its work. Links
 * are followed to a file inside the folder and nowhere else, never into a folder.
 */
import type { Dirent } from "node:fs";
import { lstat, opendir, realpath } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { filePattern, PATTERN_START, patternEnds, patternStep } from "../../protocol/index.ts";
import type { FilePattern, PatternPlace } from "../../protocol/index.ts";

export interface FoundFile {
  /** POSIX, relative to the folder. */
  path: string;
  /** Where its bytes are: the file itself, or what a link leads to. */
  realPath: string;
  size: number;
  /** Changes with the content. */
  stamp: string;
}

export interface Found {
  files: Map<string, FoundFile>;
  /** Matching links that lead out of the folder, or to no file. */
  refused: string[];
  /** There was more than is looked at. */
  isCut: boolean;
}

/** Not looked into by `**`: what is in there was not made by a test. */
const SKIPPED = new Set(["node_modules", ".git"]);
const MAX_SEEN = 500_000;
const MAX_REFUSED = 20;

interface Search {
  root: string;
  realRoot: string;
  patterns: FilePattern[];
  found: Found;
  seen: number;
}

export async function findFiles(root: string, patterns: readonly string[]): Promise<Found> {
  const found: Found = { files: new Map(), refused: [], isCut: false };
  const realRoot = await realpath(root).catch(() => null);
  if (realRoot === null || patterns.length === 0) return found;
  const search = { root, realRoot, patterns: patterns.map(filePattern), found, seen: 0 };
  await walk(
    search,
    "",
    search.patterns.map(() => PATTERN_START),
  );
  return found;
}

async function walk(search: Search, folder: string, places: readonly PatternPlace[]): Promise<void> {
  const entries = await opendir(join(search.root, folder)).catch(() => null);
  if (entries === null) return;
  for await (const entry of entries) {
    search.seen += 1;
    if (search.seen > MAX_SEEN) search.found.isCut = true;
    if (search.found.isCut) return;
    await look(search, { folder, entry, places });
  }
}

async function look(
  search: Search,
  { folder, entry, places }: { folder: string; entry: Dirent; places: readonly PatternPlace[] },
): Promise<void> {
  const { name } = entry;
  const path = folder === "" ? name : `${folder}/${name}`;
  const next = search.patterns.map((pattern, i) => patternStep(pattern, places[i] ?? [], name));
  if (entry.isDirectory()) return lookBelow(search, { path, name, next });
  if (!search.patterns.some((pattern, i) => patternEnds(pattern, next[i] ?? []))) return;
  const file = entry.isFile() ? await fileAt(search, path) : await linked(search, { path, entry });
  if (file !== null) search.found.files.set(path, file);
}

/** A pattern that names a folder, without a wildcard in its last part, means what is in it. */
async function lookBelow(
  search: Search,
  { path, name, next }: { path: string; name: string; next: PatternPlace[] },
): Promise<void> {
  const below = search.patterns.map((pattern, i) => {
    const place = next[i] ?? [];
    const isNamed = pattern.includes(name);
    return SKIPPED.has(name) && !isNamed ? [] : place;
  });
  const wholes = search.patterns.map(
    (pattern, i) => !/[*?]/.test(pattern.at(-1) ?? "") && patternEnds(pattern, below[i] ?? []),
  );
  if (!wholes.includes(true)) {
    return below.some((place) => place.length > 0) ? walk(search, path, below) : undefined;
  }
  const patterns = search.patterns.map((pattern, i) => (wholes[i] === true ? EVERYTHING : pattern));
  const places = below.map((place, i) => (wholes[i] === true ? PATTERN_START : place));
  const inner = { ...search, patterns };
  await walk(inner, path, places);
  search.seen = inner.seen;
}

const EVERYTHING: FilePattern = ["**"];

async function fileAt(search: Search, path: string): Promise<FoundFile | null> {
  return stamped(path, join(search.root, path));
}

async function stamped(path: string, realPath: string): Promise<FoundFile | null> {
  const info = await lstat(realPath).catch(() => null);
  if (info?.isFile() !== true) return null;
  return {
    path,
    realPath,
    size: info.size,
    stamp: `${info.ino} ${info.size} ${info.mtimeMs} ${info.ctimeMs}`,
  };
}

async function linked(
  { root, realRoot, found }: Search,
  { path, entry }: { path: string; entry: Dirent },
): Promise<FoundFile | null> {
  if (!entry.isSymbolicLink()) return null;
  const target = await realpath(join(root, path)).catch(() => null);
  const file = target !== null && isInside(realRoot, target) ? await stamped(path, target) : null;
  if (file === null && found.refused.length < MAX_REFUSED) found.refused.push(path);
  return file;
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && join(root, way) === path;
}
