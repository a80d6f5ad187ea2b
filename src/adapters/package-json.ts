/** What a suite's package.json says about its tests; a broken or missing file says nothing. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { record, text } from "./json-lines.ts";

export interface PackageFacts {
  scripts: Record<string, string>;
  /** Field and version by package name, e.g. vitest → "devDependencies.vitest". */
  dependencies: Map<string, string>;
  /** Names of all top-level fields: frameworks are configured in fields of their own. */
  fields: Set<string>;
}

export async function readPackage(root: string): Promise<PackageFacts | null> {
  try {
    const parsed = record(JSON.parse(await readFile(join(root, "package.json"), "utf8")));
    return parsed ? facts(parsed) : null;
  } catch {
    return null;
  }
}

function facts(parsed: Record<string, unknown>): PackageFacts {
  const scripts: Record<string, string> = {};
  for (const [name, script] of Object.entries(record(parsed["scripts"]) ?? {})) scripts[name] = text(script);
  const dependencies = new Map<string, string>();
  for (const field of ["dependencies", "devDependencies", "peerDependencies"]) {
    for (const name of Object.keys(record(parsed[field]) ?? {})) dependencies.set(name, `${field}.${name}`);
  }
  return { scripts, dependencies, fields: new Set(Object.keys(parsed)) };
}
