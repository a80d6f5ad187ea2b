/** The page as the build puts it together, from the sources. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { RunReport } from "../model.ts";
import { toHtml, type HtmlParts } from "./html.ts";

const PAGE = fileURLToPath(new URL("../page/", import.meta.url));

async function htmlParts(): Promise<HtmlParts> {
  const [script = "", style = ""] = await Promise.all(
    ["dom/main.ts", "page.css"].map(async (entry) => {
      const options = { bundle: true, minify: true, write: false, format: "iife", target: "es2022" } as const;
      const { outputFiles } = await build({ ...options, entryPoints: [PAGE + entry] });
      return outputFiles[0]?.text;
    }),
  );
  return { script, style, sha256: (text) => createHash("sha256").update(text).digest("base64") };
}

export async function htmlOf(report: RunReport): Promise<string> {
  return toHtml(report, await htmlParts());
}
