// What no linter rule says for us, read from the syntax tree (swc, which the layering check needs anyway).
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "@swc/core";
import { ROOT } from "./process.mjs";

/** Calls `visit(node)` for every node of a TypeScript file, parents first. */
export function walkFile(path, visit) {
  const text = readFileSync(join(ROOT, path), "utf8");
  walk(parseSync(text, { syntax: "typescript", tsx: path.endsWith("x"), target: "es2022" }), visit);
}

function walk(node, visit) {
  if (Array.isArray(node)) for (const child of node) walk(child, visit);
  else if (node !== null && typeof node === "object") {
    if (typeof node.type === "string") visit(node);
    for (const key in node) if (key !== "span") walk(node[key], visit);
  }
}
