// What the HTML report needs beside compiled TypeScript: its page as one script and one style sheet, and the
// charts with the part of their library that they use. The library is 68 MB; bundled, nobody installs it.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT } from "./process.mjs";

const PAGE = { from: "src/reports/page/dom/main.ts", to: "dist/reports/page/page.js" };
const PAGE_STYLE = { from: "src/reports/page/page.css", to: "dist/reports/page/page.css" };
const CHARTS = { from: "src/reports/html/charts.ts", to: "dist/reports/html/charts.js" };
const LICENCES = ["echarts/LICENSE", "echarts/NOTICE", "zrender/LICENSE"];
const CHARTS_LICENCES = "dist/reports/html/charts.licences.txt";

/** Made by nothing but this, so that whoever tidies dist leaves it there. */
export const BUNDLED_FOR_REPORTS = [PAGE.to, CHARTS_LICENCES];

function bundle({ from, to }, options) {
  const common = { absWorkingDir: ROOT, bundle: true, target: "es2022", logLevel: "warning", minify: true };
  return build({ ...common, entryPoints: [from], outfile: to, ...options });
}

export async function bundleReports() {
  const define = { "process.env.NODE_ENV": '"production"' };
  await Promise.all([
    bundle(PAGE, { format: "iife", platform: "browser" }),
    bundle(PAGE_STYLE, {}),
    bundle(CHARTS, { format: "esm", platform: "node", define }),
  ]);
  // The compiler's map is of the file that has just been replaced.
  rmSync(join(ROOT, `${CHARTS.to}.map`), { force: true });
  const texts = LICENCES.map((path) => readFileSync(join(ROOT, "node_modules", path), "utf8"));
  writeFileSync(join(ROOT, CHARTS_LICENCES), texts.join(`\n${"-".repeat(78)}\n\n`));
}
