// The checks that are another program's whole work: types, lint, format, dead code.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { oxlint, printed } from "../oxlint.mjs";
import { bin, ROOT, run } from "../process.mjs";

export const present = (paths) => paths.filter((path) => existsSync(join(ROOT, path)));

async function tool(name, args) {
  const { code, stdout, stderr } = await run(bin(name), args);
  return { ok: code === 0, output: stdout + stderr };
}

// What runs in a browser knows other names than what runs here, so it is a project of its own.
const PROJECTS = [".", "src/reports/page/dom"];

export async function types() {
  const found = await Promise.all(
    PROJECTS.map((project) => tool("tsc", ["--noEmit", "--pretty", "false", "-p", project])),
  );
  return { ok: found.every(({ ok }) => ok), output: found.map(({ output }) => output).join("") };
}

// The concise report names files; `npx biome format --write PATH` shows what it wants by doing it.
export const format = () =>
  tool("biome", ["format", "--colors=off", "--reporter=concise", "--max-diagnostics=none", "."]);

export const deadCode = () => tool("knip", ["--no-progress", "--no-config-hints"]);

export async function lint() {
  const paths = present(["src", "test", "scripts", "bench", "vitest.config.ts"]);
  const { files, problems } = await oxlint(".oxlintrc.json", paths, ["--type-aware"]);
  return { ok: problems.length === 0, output: printed(problems), note: `${files} files` };
}
