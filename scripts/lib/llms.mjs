// llms.txt: the documentation as a short list for programs that read it, made from what people read: the
// first paragraph of README.md, then docs/README.md section by section, its links meant from the root.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { ROOT } from "./process.mjs";

const INDEX = "docs/README.md";

/** @param {(path: string) => string} read */
export function llmsText(read = (path) => readFileSync(join(ROOT, path), "utf8")) {
  const [, summary = ""] = /^# .*\n\n([\s\S]*?)\n\n/.exec(read("README.md")) ?? [];
  const index = read(INDEX).slice(read(INDEX).indexOf("\n## "));
  const fromRoot = index.replace(/\]\(([^):]+)\)/g, (_, target) => `](${posix.join("docs", target)})`);
  return `# Testyard\n\n> ${summary.replaceAll("\n", " ")}\n${fromRoot}`;
}
