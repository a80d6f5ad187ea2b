/**
 * Which vitest runs a suite: the project's own, looked for as Node looks for packages, else one on PATH.
 *
 * The second serves suites that are shipped without their packages: vitest resolves itself for the test
 * files, so a suite needs nothing but a vitest on the machine. Testyard's own copy is never meant.
 */
import { readFile, realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { record, text } from "./json-lines.ts";
import { exists } from "./patterns.ts";

export interface VitestBinary {
  /** The module that `node` starts. */
  path: string;
  version: string;
  /** For people: where it was found. */
  found: "project" | "PATH";
}

export async function findVitest(root: string): Promise<VitestBinary | null> {
  for (let folder = root; ; folder = dirname(folder)) {
    const found = await vitestIn(join(folder, "node_modules", "vitest"), "project");
    if (found !== null) return found;
    if (folder === dirname(folder)) break;
  }
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter((path) => isAbsolute(path))) {
    const target = await realpath(join(folder, "vitest")).catch(() => null);
    const found = target === null ? null : await vitestIn(dirname(target), "PATH");
    if (found !== null) return found;
  }
  return null;
}

async function vitestIn(folder: string, found: VitestBinary["found"]): Promise<VitestBinary | null> {
  const path = join(folder, "vitest.mjs");
  if (!(await exists(path))) return null;
  return { path, version: await versionIn(folder), found };
}

async function versionIn(folder: string): Promise<string> {
  try {
    return text(record(JSON.parse(await readFile(join(folder, "package.json"), "utf8")))?.["version"]);
  } catch {
    return "";
  }
}
