/**
 * Which suites lie under the given paths, and which files they have.
 *
 * A folder is a suite when a framework recognises it. Folders below are looked at as well, but a framework
 * found above is not found again: the upper suite contains the lower one. A file belongs to the nearest
 * folder upwards that a framework recognises. What the framework itself says about its files is believed.
 */
import { readdir, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { detectAdapters, type Adapter, type Discovery } from "../../adapters/index.ts";
import { usage } from "../errors.ts";

export interface Suite {
  adapter: Adapter;
  /** Absolute. */
  root: string;
  /** Relative to the workspace, POSIX, "." for its root. */
  suite: string;
  evidence: string;
  /** Relative to the suite; empty means all. */
  patterns: string[];
}

export interface FoundSuite extends Suite {
  discovery: Discovery;
}

const DEPTH = 5;
const SKIPPED = /^(\..*|node_modules|__pycache__|site-packages|venv|dist|build|target|coverage|fixtures)$/;
/** Names that make it worth asking the frameworks about a folder. */
const MARKS = new RegExp(
  [
    "^package\\.json$",
    "^(pytest\\.ini|pyproject\\.toml|setup\\.cfg|tox\\.ini|conftest\\.py)$",
    "^(go\\.(mod|work)|Cargo\\.toml|\\.mocharc\\..+|(jest|playwright)\\.config\\..+)$",
    "^vite(st)?\\.(config|workspace)\\..+$",
    "^(test_.+|.+_test)\\.py$",
    "^.+[.-](test|spec)\\.[cm]?[jt]sx?$",
  ].join("|"),
);

export async function findSuites(workspace: string, paths: readonly string[]): Promise<Suite[]> {
  const found = new Map<string, Suite>();
  for (const path of paths) {
    for (const suite of await suitesAt(workspace, path)) merge(found, suite);
  }
  return [...found.values()];
}

function merge(found: Map<string, Suite>, suite: Suite): void {
  const key = `${suite.adapter.name}\n${suite.root}`;
  const known = found.get(key);
  if (known === undefined) found.set(key, suite);
  else if (suite.patterns.length === 0 || known.patterns.length === 0) known.patterns = [];
  else known.patterns.push(...suite.patterns.filter((pattern) => !known.patterns.includes(pattern)));
}

async function suitesAt(workspace: string, path: string): Promise<Suite[]> {
  const info = await stat(path).catch(() => null);
  if (info === null) throw usage(`${path} does not exist`, "name a folder or a file with tests");
  const place = { workspace, path: resolve(path) };
  if (info.isDirectory()) {
    const below = await walk(place.workspace, place.path, { depth: 0, above: new Set() });
    return below.length > 0 ? below : upwards(place);
  }
  return upwards(place);
}

async function walk(
  workspace: string,
  folder: string,
  state: { depth: number; above: ReadonlySet<string> },
): Promise<Suite[]> {
  const listed = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const entries = listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  const here = entries.some((entry) => MARKS.test(entry.name)) ? await detectAdapters(folder) : [];
  const fresh = here.filter(({ adapter }) => !state.above.has(adapter.name));
  const suites = fresh.map((it) => suiteOf(workspace, folder, { ...it, patterns: [] }));
  if (state.depth === DEPTH) return suites;
  const above = new Set([...state.above, ...here.map(({ adapter }) => adapter.name)]);
  for (const entry of entries) {
    if (!entry.isDirectory() || SKIPPED.test(entry.name)) continue;
    suites.push(...(await walk(workspace, join(folder, entry.name), { depth: state.depth + 1, above })));
  }
  return suites;
}

/** A file, or a folder inside a suite: the suite is above, and only this part of it is wanted. */
async function upwards({ workspace, path }: { workspace: string; path: string }): Promise<Suite[]> {
  for (let folder = dirname(path); isWithin(workspace, folder); folder = dirname(folder)) {
    const here = await detectAdapters(folder);
    const patterns = [toPosix(relative(folder, path))];
    if (here.length > 0) return here.map((it) => suiteOf(workspace, folder, { ...it, patterns }));
    if (folder === dirname(folder)) break;
  }
  return [];
}

function suiteOf(
  workspace: string,
  root: string,
  it: { adapter: Adapter; evidence: string; patterns: string[] },
): Suite {
  return { ...it, root, suite: toPosix(relative(workspace, root)) || "." };
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return (
    way === "" || (way !== ".." && !way.startsWith(`..${sep}`) && resolve(folder, way) === resolve(path))
  );
}

export function toPosix(path: string): string {
  return path.split(sep).join("/");
}

/** The folder that is shipped: the current one, or the nearest that holds all the paths. */
export function workspaceOf(paths: readonly string[], here: string): string {
  let root = resolve(here);
  for (const path of paths) while (!isWithin(root, resolve(path))) root = dirname(root);
  return root;
}
