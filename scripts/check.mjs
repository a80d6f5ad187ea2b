// npm run check [part…]: everything that can be said without running the product, and the fast unit tests.
import { CHECKS } from "./lib/checks/index.mjs";
import { seconds } from "./lib/process.mjs";
import { runChecks } from "./lib/run-checks.mjs";

const known = CHECKS.map(({ name }) => name);
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !known.includes(name));

if (unknown !== undefined) {
  console.error(`check has no part "${unknown}"; its parts are ${known.join(", ")}`);
  process.exitCode = 2;
} else {
  const started = performance.now();
  const { passed, failed } = await runChecks(asked.length > 0 ? asked : known);
  console.log(`check: ${passed} passed, ${failed} failed in ${seconds(started).toFixed(1)} s`);
  process.exitCode = failed > 0 ? 1 : 0;
}
