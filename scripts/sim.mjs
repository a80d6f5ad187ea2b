// npm run sim -- --seeds 200 | --seed N : the whole yard under virtual time, from the built program.
import { join } from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { become, ROOT } from "./lib/process.mjs";

await ensureBuilt();
become(process.execPath, [join(ROOT, "dist/sim/main.js"), ...process.argv.slice(2)]);
