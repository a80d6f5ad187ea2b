/** The page of the HTML report, as the build has put it beside this program. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { HtmlParts } from "../../reports/index.ts";

export async function pageParts(): Promise<HtmlParts> {
  const read = (name: string): Promise<string> =>
    readFile(new URL(`../../reports/page/${name}`, import.meta.url), "utf8");
  const [script, style] = await Promise.all([read("page.js"), read("page.css")]);
  return { script, style, sha256: (text) => createHash("sha256").update(text).digest("base64") };
}
