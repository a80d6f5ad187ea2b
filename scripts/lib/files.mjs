// Which files are ours: what the checks look at, and whether the build is older than its sources.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./process.mjs";

const SKIPPED = new Set(["node_modules", "dist", "coverage", ".git"]);

/** Paths below `folder`, relative to the root, with forward slashes; nothing when the folder is missing. */
export function filesBelow(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  const found = [];
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesBelow(path));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

const isCode = (path) => !path.includes("/fixtures/") && /\.(ts|tsx|mts|mjs|cjs|js)$/.test(path);

/** Our own source files: those we hold to the limits. Examples are other people's tests in miniature. */
export const codeFiles = () => ["src", "test", "scripts", "bench"].flatMap(filesBelow).filter(isCode);

/** True when dist is missing or some source is newer than what was built last. */
export function isBuildStale() {
  const stamp = join(ROOT, "dist", "built.json");
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  const inputs = ["package.json", "tsconfig.json", "tsconfig.build.json", ...filesBelow("src")];
  return inputs.some((path) => statSync(join(ROOT, path)).mtimeMs > built);
}
