// Builds dist: TypeScript through tsc, everything else beside it copied, the worker bundled to one file.
//
// A worker machine gets exactly one file, so everything the worker imports must fit into dist/worker.cjs; the
// layering check keeps the large libraries out of its reach. dist is rewritten in place rather than emptied
// first, so that a yard that runs from it survives a rebuild; what lost its source is removed afterwards.
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { BUNDLED_FOR_REPORTS, bundleReports } from "./bundle-reports.mjs";
import { filesBelow, isBuildStale } from "./files.mjs";
import { bin, ROOT, run, seconds } from "./process.mjs";

const STAMP = "dist/built.json";
const WORKER = { from: "src/worker/main.ts", to: "dist/worker.cjs" };
const CONFIG_SCHEMA = "dist/testyard.config.schema.json";
const PROGRAMS = ["dist/cli/main.js"];

async function compile() {
  const { code, stdout, stderr } = await run(bin("tsc"), ["-p", "tsconfig.build.json"]);
  process.stderr.write(stdout + stderr);
  return code === 0;
}

function copyOtherFiles() {
  const others = filesBelow("src").filter(
    (path) => !/\.tsx?$|\/tsconfig\.json$/.test(path) && !/\/(web|fixtures)\//.test(path),
  );
  return others.map((path) => {
    const target = `dist/${path.slice("src/".length)}`;
    mkdirSync(dirname(join(ROOT, target)), { recursive: true });
    copyFileSync(join(ROOT, path), join(ROOT, target));
    return target;
  });
}

async function bundleWorker() {
  if (!existsSync(join(ROOT, WORKER.from))) return false;
  await build({
    absWorkingDir: ROOT,
    entryPoints: [WORKER.from],
    outfile: WORKER.to,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    minify: false,
    logLevel: "warning",
    // ws asks for these two and does without them; CommonJS has no import.meta.url of its own.
    external: ["bufferutil", "utf-8-validate"],
    define: { "import.meta.url": "bundleUrl" },
    banner: { js: "const bundleUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  return true;
}

// Editors read it where the package is installed.
async function writeConfigSchema() {
  const { configSchemaText } = await import(pathToFileURL(join(ROOT, "dist/cli/index.js")).href);
  writeFileSync(join(ROOT, CONFIG_SCHEMA), configSchemaText());
}

function removeOrphans(kept) {
  const sources = filesBelow("src").filter((path) => /\.tsx?$/.test(path) && !path.endsWith(".test.ts"));
  const stems = new Set(sources.map((path) => `dist/${path.slice("src/".length).replace(/\.tsx?$/, "")}`));
  for (const path of filesBelow("dist")) {
    if (kept.has(path) || path.startsWith("dist/dashboard/web/")) continue;
    if (!stems.has(path.replace(/\.(js|d\.ts)(\.map)?$/, ""))) rmSync(join(ROOT, path));
  }
}

export async function buildAll() {
  const started = performance.now();
  let ok = await compile();
  const copied = copyOtherFiles();
  try {
    await Promise.all([bundleWorker(), bundleReports()]);
  } catch {
    ok = false; // esbuild has already printed why
  }
  if (ok) await writeConfigSchema();
  for (const program of PROGRAMS) {
    if (existsSync(join(ROOT, program))) chmodSync(join(ROOT, program), 0o755);
  }
  removeOrphans(new Set([STAMP, WORKER.to, ...BUNDLED_FOR_REPORTS, CONFIG_SCHEMA, ...copied]));
  if (ok) writeFileSync(join(ROOT, STAMP), `${JSON.stringify({ node: process.version })}\n`);
  else rmSync(join(ROOT, STAMP), { force: true });
  process.stderr.write(`build ${ok ? "ok" : "failed"} ${seconds(started).toFixed(1)} s\n`);
  return ok;
}

/** For scripts that need dist: builds only when a source is newer, and ends the process when that fails. */
export async function ensureBuilt() {
  if (isBuildStale() && !(await buildAll())) process.exit(3);
}
