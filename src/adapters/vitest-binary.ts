/**
 * Which vitest runs a suite: the project's own, looked for as Node looks for packages, else one on PATH.
 *
 * The second serves suites that are shipped without their packages: vitest resolves itself for the test
 * files, so a suite needs nothing but a vitest on the machine. Testyard's own copy is never meant.
 */
import { realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { findNodePackage, versionIn } from "./node-package.ts";
import { exists } from "./patterns.ts";

export interface VitestBinary {
  /** The module that `node` starts. */
  path: string;
  version: string;
  /** For people: where it was found. */
  found: "project" | "PATH";
}

const ENTRY = "vitest.mjs";

export async function findVitest(root: string): Promise<VitestBinary | null> {
  const own = await findNodePackage(root, { names: ["vitest"], entry: ENTRY });
  if (own !== null) return { path: join(own.folder, ENTRY), version: own.version, found: "project" };
  for (const folder of (process.env["PATH"] ?? "").split(delimiter).filter((path) => isAbsolute(path))) {
    const target = await realpath(join(folder, "vitest")).catch(() => null);
    if (target === null || !(await exists(join(dirname(target), ENTRY)))) continue;
    return { path: join(dirname(target), ENTRY), version: await versionIn(dirname(target)), found: "PATH" };
  }
  return null;
}
