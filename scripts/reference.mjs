// npm run docs: writes the pages of docs/reference that follow from the code, and llms.txt, which follows
// from the pages. Tests hold them against it.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { writeApiReference } from "./lib/api-reference.mjs";
import { ensureBuilt } from "./lib/build.mjs";
import { llmsText } from "./lib/llms.mjs";
import { ROOT } from "./lib/process.mjs";

await ensureBuilt();
const { referencePages } = await import(pathToFileURL(join(ROOT, "dist/cli/index.js")).href);
for (const [path, text] of Object.entries(referencePages())) {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true });
  writeFileSync(join(ROOT, path), text);
  console.log(path);
}
writeFileSync(join(ROOT, "llms.txt"), llmsText());
console.log("llms.txt");
if (await writeApiReference()) console.log("docs/reference/openapi.json\ndocs/reference/metrics.md");
else process.exitCode = 1;
