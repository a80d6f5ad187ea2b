/**
 * What never travels: version control, and caches that are worthless or wrong on another machine.
 *
 * Git's own ignore rules are deliberately not asked: node_modules, dist and .venv are ignored there and
 * needed here. `.testyardignore` in the root (gitignore syntax) narrows further; it cannot bring a cache
 * back.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ignore from "ignore";
import { errnoOf } from "./errors.ts";

const NEVER_DIRECTORIES = new Set([
  ".git",
  ".hg",
  ".svn",
  ".jj",
  ".testyard",
  "testyard-report",
  "__pycache__",
  ".pytest_cache",
  ".mypy_cache",
  ".ruff_cache",
  ".hypothesis",
  ".tox",
  ".nox",
  ".cache",
  ".parcel-cache",
  ".turbo",
  ".nx",
  ".nyc_output",
  ".eslintcache",
  ".stylelintcache",
]);
const NEVER_FILES = new Set([
  ".git",
  ".DS_Store",
  "Thumbs.db",
  ".eslintcache",
  ".stylelintcache",
  ".coverage",
]);
/** Caches that tools keep inside node_modules. */
const NEVER_IN_NODE_MODULES = new Set([".vite", ".vitest", ".vite-temp", ".cache"]);

export interface IgnoreRules {
  ignoresDirectory(path: string, name: string): boolean;
  ignoresFile(path: string, name: string): boolean;
}

export function readIgnoreRules(root: string, extra: readonly string[]): IgnoreRules {
  const lines = [...readOwnFile(root), ...extra];
  const matcher = lines.length === 0 ? null : ignore().add(lines);
  return {
    ignoresDirectory(path, name) {
      if (NEVER_DIRECTORIES.has(name)) return true;
      if (NEVER_IN_NODE_MODULES.has(name) && /(^|\/)node_modules\/[^/]+$/.test(path)) return true;
      return matcher?.ignores(`${path}/`) ?? false;
    },
    ignoresFile(path, name) {
      return NEVER_FILES.has(name) || (matcher?.ignores(path) ?? false);
    },
  };
}

function readOwnFile(root: string): string[] {
  try {
    return readFileSync(join(root, ".testyardignore"), "utf8").split(/\r?\n/);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
