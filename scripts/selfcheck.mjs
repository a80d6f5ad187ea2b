// Checks the checks: builds a small healthy yard in a temporary folder, sees every part of `npm run check`
// pass on it, then plants one violation of each kind and sees each named. A check that cannot fail is worse
// than none, and tools that see no file, or parse none, report success.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describeCounts } from "./lib/counts.mjs";
import { ROOT, run } from "./lib/process.mjs";
import { HEALTHY, VIOLATIONS } from "./lib/violations.mjs";

const HOUSE = [
  "scripts",
  "biome.json",
  ".oxlintrc.json",
  ".dependency-cruiser.cjs",
  "knip.json",
  "vitest.config.ts",
  "tsconfig.json",
  "tsconfig.build.json",
  "src/reports/page/dom/tsconfig.json",
];

function plant(yard, files) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(yard, path)), { recursive: true });
    writeFileSync(join(yard, path), text);
  }
}

function buildYard(files) {
  const yard = mkdtempSync(join(tmpdir(), "testyard-selfcheck-"));
  for (const path of HOUSE) cpSync(join(ROOT, path), join(yard, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(yard, "node_modules"));
  plant(yard, files);
  return yard;
}

async function check(yard, part) {
  const { code, stdout, stderr } = await run(process.execPath, [join(yard, "scripts/check.mjs"), part]);
  return { code, output: stdout + stderr };
}

/** One yard per part: healthy it passes, with all violations of that part planted it names each. */
async function judge({ part, plants, beside = {} }) {
  const yard = buildYard(HEALTHY);
  try {
    const healthy = await check(yard, part);
    const answers = [
      { name: `${part}: healthy code passes`, ok: healthy.code === 0, output: healthy.output },
    ];
    for (const files of [beside, ...plants.map((planted) => planted.files)]) plant(yard, files);
    const { code, output } = await check(yard, part);
    for (const { name, says } of plants) {
      answers.push({ name: `${part}: ${name}`, ok: code === 1 && says.test(output), output });
    }
    return answers;
  } finally {
    rmSync(yard, { recursive: true, force: true });
  }
}

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const group of VIOLATIONS) {
  for (const { name, ok, output } of await judge(group)) {
    counts[ok ? "passed" : "failed"] += 1;
    console.log(ok ? `ok     ${name}` : `FAILED ${name}\n${output.replace(/^/gm, "    ")}`);
  }
}
process.exitCode = counts.failed > 0 ? 1 : 0;
console.log(describeCounts(counts));
