/** Turns what a user typed (files, folders, globs) into files below the suite root. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import type { SuiteProblem } from "./adapter.ts";
import { relativePosix } from "./bounds.ts";

export const NEVER_SEARCHED = ["**/node_modules/**", "**/.git/**"];

export interface Expanded {
  /** Existing files and folders, POSIX, relative to root, in the order typed, each once. */
  paths: string[];
  problems: SuiteProblem[];
}

export async function expandPatterns(root: string, patterns: readonly string[]): Promise<Expanded> {
  const paths = new Set<string>();
  const problems: SuiteProblem[] = [];
  for (const pattern of patterns) {
    const found = await expandOne(root, pattern);
    for (const path of found) paths.add(path);
    if (found.length === 0) problems.push({ file: pattern, message: `nothing matches ${pattern}` });
  }
  return { paths: [...paths], problems };
}

/** Of the files that a framework lists, those that are chosen or lie in a chosen folder. */
export function chosenOf(files: readonly string[], chosen: Expanded): string[] {
  return files.filter((file) =>
    chosen.paths.some((path) => path === "." || file === path || file.startsWith(`${path}/`)),
  );
}

async function expandOne(root: string, pattern: string): Promise<string[]> {
  // A file may be named like a pattern ("[id].test.ts"): what exists is meant as it stands.
  if (await exists(join(root, pattern))) return [relativePosix(root, pattern) || "."];
  if (!isDynamicPattern(pattern)) return [];
  return globFiles(root, [pattern]);
}

export async function globFiles(
  root: string,
  patterns: string[],
  ignore: string[] = NEVER_SEARCHED,
): Promise<string[]> {
  const found = await glob(patterns, {
    cwd: root,
    ignore,
    dot: true,
    onlyFiles: true,
    expandDirectories: false,
  });
  return found.map((path) => relativePosix(root, path)).sort();
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}
