/**
 * Which Python runs a suite: its own virtual environment, else the first on PATH that has pytest.
 *
 * A virtual environment that was shipped from another machine has no `bin/python` any more (an absolute
 * link does not travel), while its `site-packages` are all there. Python activates an environment by the
 * `pyvenv.cfg` above the path it is started by, so putting the link back, to an interpreter of the same
 * version here, makes the whole environment work again. Only the link is written, into the workspace copy.
 */
import { constants } from "node:fs";
import { access, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join, relative } from "node:path";
import type { RunProcess } from "./adapter.ts";
import { relativePosix } from "./bounds.ts";

export interface Python {
  path: string;
  /** For people: which one, its pytest version, and what was done to use it. */
  description: string;
}

export interface PythonSearch {
  python: Python | null;
  tried: string[];
}

interface Where {
  root: string;
  run: RunProcess;
}

const ASK_TIMEOUT_MS = 30_000;

export async function findPython(root: string, run: RunProcess): Promise<PythonSearch> {
  const tried: string[] = [];
  for (const folder of await environmentFolders(root)) {
    const found = await pythonOfEnvironment(folder, { root, run });
    const shown = relativePosix(root, folder);
    if (found === null) {
      tried.push(`${shown}: no interpreter for it on this machine`);
      continue;
    }
    const version = await pytestVersion(found.path, { root, run });
    if (version !== null) {
      const note = found.relinked ? `, bin/python linked again to ${found.relinked}` : "";
      return { python: { path: found.path, description: `${shown} (${version}${note})` }, tried };
    }
    tried.push(`${shown}: has no pytest`);
  }
  for (const path of await pythonsOnPath()) {
    const version = await pytestVersion(path, { root, run });
    if (version !== null) return { python: { path, description: `${path} (${version})` }, tried };
    tried.push(`${path}: has no pytest`);
  }
  return { python: null, tried };
}

async function environmentFolders(root: string): Promise<string[]> {
  const active = process.env["VIRTUAL_ENV"];
  const inside = active !== undefined && isAbsolute(active) && !relative(root, active).startsWith("..");
  const own = (await readdir(root).catch(() => [] as string[]))
    .sort(usualFirst)
    .map((name) => join(root, name));
  const folders = [...(inside ? [active] : []), ...own];
  const present: string[] = [];
  for (const folder of new Set(folders)) {
    if (await readable(join(folder, "pyvenv.cfg"))) present.push(folder);
  }
  return present;
}

const USUAL_NAMES = ["env", "venv", ".venv"];

function usualFirst(a: string, b: string): number {
  return USUAL_NAMES.indexOf(b) - USUAL_NAMES.indexOf(a) || (a < b ? -1 : 1);
}

interface EnvironmentPython {
  path: string;
  relinked?: string;
}

interface Wanted extends Where {
  minor: string;
}

async function pythonOfEnvironment(folder: string, where: Where): Promise<EnvironmentPython | null> {
  for (const path of [join(folder, "bin", "python"), join(folder, "bin", "python3"), scriptsPython(folder)]) {
    if (await executable(path)) return { path };
  }
  return relink(folder, where);
}

function scriptsPython(folder: string): string {
  return join(folder, "Scripts", "python.exe");
}

async function relink(folder: string, where: Where): Promise<EnvironmentPython | null> {
  const config = parseConfig(await readFile(join(folder, "pyvenv.cfg"), "utf8").catch(() => ""));
  const minor = await minorVersion(folder, config);
  if (minor === null) return null;
  const base = await baseInterpreter(config.get("home"), { ...where, minor });
  if (base === null) return null;
  const path = join(folder, "bin", "python");
  try {
    await mkdir(dirname(path), { recursive: true });
    await rm(path, { force: true });
    await symlink(base, path);
    return { path, relinked: base };
  } catch {
    // Another attempt on the same workspace may have put it there meanwhile.
    return (await executable(path)) ? { path } : null;
  }
}

function parseConfig(content: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of content.split(/\r?\n/)) {
    const at = line.indexOf("=");
    if (at > 0) entries.set(line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim());
  }
  return entries;
}

/** "3.11": compiled packages and the folder of site-packages both hang on it. */
async function minorVersion(folder: string, config: Map<string, string>): Promise<string | null> {
  const said = /^(\d+\.\d+)/.exec(config.get("version") ?? config.get("version_info") ?? "")?.[1];
  if (said !== undefined) return said;
  const libs = await readdir(join(folder, "lib")).catch(() => [] as string[]);
  return (
    libs.map((name) => /^python(\d+\.\d+)$/.exec(name)?.[1]).find((minor) => minor !== undefined) ?? null
  );
}

/** Prints its version and itself: a version manager's `python3` is a script, which no environment can use. */
const ASK_BASE =
  "import sys; print('%d.%d' % sys.version_info[:2]); " +
  "print(getattr(sys, '_base_executable', sys.executable))";

async function baseInterpreter(home: string | undefined, wanted: Wanted): Promise<string | null> {
  const names = [`python${wanted.minor}`, "python3", "python"];
  const folders = [...(home ? [home] : []), ...pathFolders(), "/usr/bin", "/usr/local/bin"];
  const candidates = folders.filter(isAbsolute).flatMap((folder) => names.map((name) => join(folder, name)));
  for (const candidate of new Set(candidates)) {
    const base = (await executable(candidate)) ? await askBase(candidate, wanted) : null;
    if (base !== null) return base;
  }
  return null;
}

async function askBase(candidate: string, wanted: Wanted): Promise<string | null> {
  const options = { cwd: wanted.root, timeout_ms: ASK_TIMEOUT_MS };
  const asked = await wanted.run([candidate, "-c", ASK_BASE], options).catch(() => null);
  const [minor, base] = (asked?.stdout ?? "").trim().split(/\r?\n/);
  return minor === wanted.minor && base !== undefined && (await executable(base)) ? base : null;
}

function pathFolders(): string[] {
  return (process.env["PATH"] ?? "").split(delimiter).filter((folder) => isAbsolute(folder));
}

async function pythonsOnPath(): Promise<string[]> {
  const candidates = pathFolders().flatMap((folder) => [join(folder, "python3"), join(folder, "python")]);
  const ordered = [...candidates.filter((path) => path.endsWith("3")), ...candidates, "/usr/bin/python3"];
  const found: string[] = [];
  for (const path of new Set(ordered)) if (await executable(path)) found.push(path);
  return found;
}

/** Answers already had: a worker asks for every task, and each question costs the start of a Python. */
const known = new Map<string, string>();
const KNOWN_LIMIT = 256;

async function pytestVersion(python: string, where: Where): Promise<string | null> {
  // By folder too: a version manager's `python3` answers for the folder it is started in.
  const key = `${where.root}\n${python}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const version = await askVersion(python, where);
  if (known.size >= KNOWN_LIMIT) known.clear();
  // Only what was found: a pytest that is missing now may be installed a minute later.
  if (version !== null) known.set(key, version);
  return version;
}

async function askVersion(python: string, where: Where): Promise<string | null> {
  const argv = [python, "-m", "pytest", "--version"];
  try {
    const asked = await where.run(argv, { cwd: where.root, timeout_ms: ASK_TIMEOUT_MS });
    // pytest 6 answers on stderr.
    const version = /pytest (?:version )?(\d[\w.]*)/.exec(`${asked.stdout}\n${asked.stderr}`)?.[1];
    return asked.code === 0 && version !== undefined ? `pytest ${version}` : null;
  } catch {
    return null;
  }
}

async function readable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

async function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
