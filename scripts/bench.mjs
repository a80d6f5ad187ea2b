// npm run bench -- throughput|spawn|query|reports …: one of our own benchmarks; without a name, with or
// without flags, ours and the peers in turns (bench/run.mjs, whose dependencies live in that folder).
import { join } from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { become, ROOT } from "./lib/process.mjs";

const args = process.argv.slice(2);
await ensureBuilt();
const isNamed = args[0] !== undefined && !args[0].startsWith("-");
if (!isNamed) become(process.execPath, [join(ROOT, "bench/run.mjs"), ...args]);
else become(process.execPath, [join(ROOT, "dist/cli/main.js"), "bench", ...args]);
