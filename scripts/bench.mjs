// npm run bench -- throughput|spawn … : one of our own benchmarks; without a name all of them and the peers
// side by side (bench/run.mjs, whose dependencies live in that folder).
import { join } from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { become, ROOT } from "./lib/process.mjs";

const args = process.argv.slice(2);
await ensureBuilt();
if (args.length === 0) become(process.execPath, [join(ROOT, "bench/run.mjs")]);
else become(process.execPath, [join(ROOT, "dist/cli/main.js"), "bench", ...args]);
