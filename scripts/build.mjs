// npm run build
import { buildAll } from "./lib/build.mjs";

process.exitCode = (await buildAll()) ? 0 : 1;
