// npm run demo: a coordinator, two workers and the sample suites, on this machine.
import { join } from "node:path";
import { ensureBuilt } from "./lib/build.mjs";
import { become, ROOT } from "./lib/process.mjs";

await ensureBuilt();
become(process.execPath, [join(ROOT, "dist/cli/demo.js"), ...process.argv.slice(2)]);
