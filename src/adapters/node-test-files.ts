/**
 * Which files `node --test` would run: Node has no way to list them, so its documented rules are applied.
 *
 * A `test` folder is taken whole; elsewhere the name decides; `node_modules` is never entered.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import type { SuiteProblem } from "./adapter.ts";
import { relativePosix } from "./bounds.ts";
import { exists, globFiles } from "./patterns.ts";
import type { Word } from "./shell-words.ts";

export interface NodeTestFiles {
  files: string[];
  problems: SuiteProblem[];
}

const TEST_NAME = /^test$|^test-.+|.+[.\-_]test$/;
const DEPTH_LIMIT = 64;

export interface Extensions {
  typescript: boolean;
}

export async function nodeTestFiles(
  root: string,
  targets: readonly Word[],
  options: Extensions,
): Promise<NodeTestFiles> {
  const files = new Set<string>();
  const problems: SuiteProblem[] = [];
  for (const target of targets.length > 0 ? targets : [{ text: ".", quoted: true }]) {
    const found = await filesOfTarget(root, target, options);
    for (const file of found) files.add(file);
    if (found.length === 0 && targets.length > 0) {
      problems.push({ file: target.text, message: `nothing to run at ${target.text}` });
    }
  }
  return { files: [...files].sort(), problems };
}

async function filesOfTarget(root: string, target: Word, options: Extensions): Promise<string[]> {
  const path = join(root, target.text);
  const found = await stat(path).catch(() => null);
  if (found?.isFile()) return [relativePosix(root, path)];
  if (found?.isDirectory()) return walk(root, { folder: path, testFolder: false, depth: 0 }, options);
  // An unquoted `**` is expanded by sh, for which it means one level; only where that finds nothing does
  // the pattern reach Node as it stands.
  const shell = target.quoted ? [] : await globFiles(root, [target.text.replaceAll("**", "*")], []);
  if (shell.length > 0) return shell;
  return globFiles(root, [target.text]);
}

interface Place {
  folder: string;
  testFolder: boolean;
  depth: number;
}

async function walk(root: string, place: Place, options: Extensions): Promise<string[]> {
  if (place.depth > DEPTH_LIMIT) return [];
  const testFolder = place.testFolder || basename(place.folder) === "test";
  const files: string[] = [];
  for (const name of await readdir(place.folder).catch(() => [] as string[])) {
    const path = join(place.folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isDirectory() && name !== "node_modules") {
      files.push(...(await walk(root, { folder: path, testFolder, depth: place.depth + 1 }, options)));
    } else if (found?.isFile() && isTestFile(name, { testFolder, ...options })) {
      files.push(relativePosix(root, path));
    }
  }
  return files;
}

function isTestFile(name: string, options: { testFolder: boolean } & Extensions): boolean {
  const extension = extname(name);
  const known = /^\.[cm]?js$/.test(extension) || (options.typescript && /^\.[cm]?ts$/.test(extension));
  if (!known || /\.d\.[cm]?ts$/.test(name)) return false;
  return options.testFolder || TEST_NAME.test(basename(name, extension));
}

/** Folders given by a user are searched as Node would; files are taken as they are. */
export async function expandFolders(
  root: string,
  paths: readonly string[],
  options: Extensions,
): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (await exists(join(root, path)))
      files.push(...(await filesOfTarget(root, { text: path, quoted: true }, options)));
  }
  return [...new Set(files)];
}
