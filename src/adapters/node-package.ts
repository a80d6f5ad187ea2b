/** The copy of a package that a project has, looked for as Node does: from the suite's folder upwards. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { record, text } from "./json-lines.ts";
import { exists } from "./patterns.ts";

export interface NodePackage {
  folder: string;
  version: string;
}

/** The first of the names that is installed; `entry` must be in it. */
export async function findNodePackage(
  root: string,
  wanted: { names: readonly string[]; entry: string },
): Promise<NodePackage | null> {
  for (let folder = root; ; folder = dirname(folder)) {
    for (const name of wanted.names) {
      const found = join(folder, "node_modules", name);
      if (await exists(join(found, wanted.entry))) return { folder: found, version: await versionIn(found) };
    }
    if (folder === dirname(folder)) return null;
  }
}

export async function versionIn(folder: string): Promise<string> {
  try {
    return text(record(JSON.parse(await readFile(join(folder, "package.json"), "utf8")))?.["version"]);
  } catch {
    return "";
  }
}
