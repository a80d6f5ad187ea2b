// npm test: everything, part after part, with the minutes each took. The last line is always
// `N passed, N failed, N skipped`, summed over all parts; the exit code says whether any failed.
//
// A part that fails does not stop the others, except the build: without it they would test an old program. A
// part whose folder or program is missing has failed: an empty part must not look like a green one.
// A skip is one visible line with its reason, and on CI, where everything can be installed, it is a failure.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { buildAll } from "./lib/build.mjs";
import { CHECKS } from "./lib/checks/index.mjs";
import { countsIn, describeCounts } from "./lib/counts.mjs";
import { ROOT, run, seconds } from "./lib/process.mjs";
import { runChecks } from "./lib/run-checks.mjs";
import { vitest } from "./lib/vitest.mjs";

// A part: its name, what must exist before it can run, and a function to { passed, failed, skips }.
const PARTS = [
  { name: "build", needs: "tsconfig.build.json", run: build, vital: true },
  { name: "check", needs: "src", run: () => runChecks(CHECK_NAMES) },
  { name: "check of the checks", needs: "src", run: () => program("scripts/selfcheck.mjs", []) },
  { name: "unit and property", needs: "src", run: () => vitest("src", { onOutput }) },
  {
    name: "simulation",
    needs: "dist/sim/main.js",
    run: () => program("dist/sim/main.js", ["--seeds", "200"]),
  },
  { name: "end to end", needs: "test/e2e", run: () => vitest("test/e2e", { onOutput }) },
  { name: "client and server", needs: "test/api", run: () => vitest("test/api", { onOutput }) },
  { name: "browser", needs: "test/browser", run: () => vitest("test/browser", { onOutput }) },
  { name: "contract", needs: "test/contract", run: () => vitest("test/contract", { onOutput }) },
  // One session after the other on the default port.
  { name: "commands in docs", needs: "test/docs", run: () => vitest("test/docs", { onOutput }) },
  { name: "fast, Node 22", needs: nodeOf(22), run: () => fastOn(22) },
  { name: "fast, Node 24", needs: nodeOf(24), run: () => fastOn(24) },
  { name: "faults, short", needs: "test/faults", run: () => vitest("test/faults", { onOutput }) },
];

// The unit tests have a part of their own here, the slow ones included.
const CHECK_NAMES = CHECKS.map(({ name }) => name).filter((name) => name !== "unit");
const IS_CI = process.env.CI === "true";

function nodeOf(major) {
  return `test/node-versions/node_modules/node${major}/bin/node`;
}

function fastOn(major) {
  return vitest("src", { onOutput, exclude: ["**/*.slow.test.ts"], node: join(ROOT, nodeOf(major)) });
}

const onOutput = (text) => process.stdout.write(text);

async function build() {
  return (await buildAll()) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** A program that counts by itself and says so in its last line. */
async function program(path, args) {
  const { code, stdout } = await run(process.execPath, [path, ...args], { onOutput });
  const counts = countsIn(stdout);
  if (counts === undefined) {
    console.log(`${path} ended with code ${code} and without "N passed, N failed, N skipped"`);
    return { passed: 0, failed: 1 };
  }
  const failed = code !== 0 && counts.failed === 0 ? 1 : counts.failed;
  return { ...counts, failed };
}

async function runPart({ name, needs, run: work }) {
  const started = performance.now();
  console.log(`\n=== ${name}`);
  const result = await attempt(needs, work);
  const skips = result.skips ?? [];
  for (const skip of skips) console.log(`skipped: ${skip.name}: ${skip.reason ?? "no reason given"}`);
  const skipped = skips.length + (result.skipped ?? 0);
  const counts = IS_CI
    ? { passed: result.passed, failed: result.failed + skipped, skipped: 0 }
    : { passed: result.passed, failed: result.failed, skipped };
  if (IS_CI && skipped > 0) console.log(`${skipped} skipped with CI=true: counted as failed`);
  return { name, minutes: seconds(started) / 60, ...counts };
}

async function attempt(needs, work) {
  if (!existsSync(join(ROOT, needs))) {
    console.log(`${needs} does not exist`);
    return { passed: 0, failed: 1 };
  }
  try {
    return await work();
  } catch (error) {
    console.log(error.stack);
    return { passed: 0, failed: 1 };
  }
}

async function main() {
  // `npm test --silent` must not silence the npm that a test starts.
  delete process.env.npm_config_loglevel;
  const results = [];
  for (const part of PARTS) {
    const result = await runPart(part);
    results.push(result);
    if (part.vital && result.failed > 0) break;
  }
  console.log("");
  for (const part of PARTS) {
    const result = results.find(({ name }) => name === part.name);
    const text = result ? `${result.minutes.toFixed(1)} min  ${describeCounts(result)}` : "not run";
    console.log(`${part.name.padEnd(20)} ${text}`);
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const notRun = PARTS.length - results.length;
  const total = { passed: sum("passed"), failed: sum("failed") + notRun, skipped: sum("skipped") };
  process.exitCode = total.failed > 0 ? 1 : 0;
  console.log(describeCounts(total));
}

await main();
