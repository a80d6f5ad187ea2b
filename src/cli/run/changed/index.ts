/** `--only-changed`: of the suites that were found, what a change since a commit can touch. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { WorkspaceScan } from "../../../workspace/index.ts";
import type { FoundSuite } from "../suites.ts";
import { changedFiles } from "./git.ts";
import { ImportGraph } from "./imports.ts";
import { selectChanged, type Selection } from "./select.ts";

export { changedFiles } from "./git.ts";
export type { Selection } from "./select.ts";

interface Place {
  workspace: string;
  scanned: WorkspaceScan;
  since: string;
}

export async function onlyChanged(suites: readonly FoundSuite[], place: Place): Promise<Selection> {
  const { workspace, scanned, since } = place;
  const shipped = scanned.manifest.entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
  const files = shipped.filter((path) => !INSTALLED.test(path));
  const read = (path: string): Promise<string> => readFile(join(workspace, path), "utf8");
  const packages = await packagesOf(files, read);
  const graph = new ImportGraph({ files, read, packages, installed: installedOf(shipped) });
  const travels = new Set(scanned.manifest.entries.map(({ path }) => path));
  const all = await changedFiles(workspace, since);
  // What is there and is not shipped (a report of ours, a cache) no test can see; what is gone may be missed.
  const changed = all.filter((path) => travels.has(path) || !existsSync(join(workspace, path)));
  return selectChanged(suites, { changed, graph });
}

const INSTALLED = /(?:^|\/)(?:node_modules|site-packages|\.venv|venv)\//;
const PACKAGE = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/.][^/]*)\//g;

function installedOf(paths: readonly string[]): Set<string> {
  const names = new Set<string>();
  for (const path of paths) for (const [, name = ""] of path.matchAll(PACKAGE)) names.add(name);
  return names;
}

async function packagesOf(
  files: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const path of files.filter((each) => posix.basename(each) === "package.json")) {
    const name = nameIn(await read(path).catch(() => "{}"));
    if (name !== null) found.set(name, posix.dirname(path));
  }
  return found;
}

function nameIn(text: string): string | null {
  try {
    const name: unknown = (JSON.parse(text) as { name?: unknown }).name;
    return typeof name === "string" ? name : null;
  } catch {
    return null;
  }
}
