// The small healthy yard of the self-check, and what to plant in it: for each part of the check, files that
// break one rule each and the words in which the part must say so.

export const HEALTHY = {
  "src/core/tick.ts":
    "export const tick = (n: number): number => n + 1;\nexport interface Tick {\n  n: number;\n}\n",
  "src/core/index.ts": 'export { type Tick, tick } from "./tick.ts";\nexport { said } from "./words.ts";\n',
  "src/core/tick.test.ts": [
    'import { readFileSync } from "node:fs";',
    'import { expect, it } from "vitest";',
    'import { tick } from "./tick.ts";',
    "",
    'it("counts on", async () => {',
    '  const text = await Promise.resolve(readFileSync("package.json", "utf8"));',
    "  expect(tick(text.length)).toBe(text.length + 1);",
    "});",
    "",
  ].join("\n"),
  "src/core/words.ts": [
    "// Date.now(), await, process.exit and Math.random() in a comment are only words.",
    'const WORDS = "Date.now() await process console setTimeout TODO";',
    "export const said = (process: { performance: string }): string => process.performance + WORDS;",
    "",
  ].join("\n"),
  "src/reports/page/dom/main.ts": 'document.title = "page";\n',
  "src/protocol/index.ts": 'import { z } from "zod";\n\nexport const size = z.number();\n',
  "src/ports/index.ts": 'import type { Tick } from "../core/index.ts";\n\nexport type Clock = () => Tick;\n',
  "src/sim/main.ts": 'import { size } from "../protocol/index.ts";\n\nconsole.log(size.parse(1));\n',
  "src/cli/main.ts": [
    'import { readFileSync } from "node:fs";',
    'import { Command } from "commander";',
    'import { said, tick } from "../core/index.ts";',
    'import type { Clock } from "../ports/index.ts";',
    "",
    "export const clock: Clock = () => ({ n: tick(1) });",
    'console.log(clock(), said({ performance: "" }), new Command(), readFileSync);',
    "",
  ].join("\n"),
  "package.json": JSON.stringify({
    name: "yard",
    type: "module",
    bin: "dist/cli/main.js",
    scripts: { check: "node scripts/check.mjs" },
    dependencies: { commander: "14", zod: "4" },
    devDependencies: { "@swc/core": "1", "@types/node": "20", esbuild: "0", typescript: "7", vitest: "4" },
  }),
};

const lines = (count, text) => `${text}\n`.repeat(count);
const bad = (name, path, text, says) => ({ name, files: { [path]: text }, says });

const layer = (name, path, target, rule) =>
  bad(name, path, `import "${target}";\n`, new RegExp(`${path}.*\\[${rule}\\]`));

export const VIOLATIONS = [
  {
    part: "types",
    plants: [
      bad("a wrong type in src", "src/core/a.ts", 'export const a: number = "x";\n', /core\/a\.ts.*TS2322/),
      bad("a wrong type in test", "test/e2e/b.ts", 'export const b: number = "x";\n', /e2e\/b\.ts.*TS2322/),
      bad("an enum", "src/core/c.ts", "export enum C {\n  A,\n}\n", /core\/c\.ts.*TS1294/),
      bad(
        "an unchecked index",
        "src/core/d.ts",
        "export const d = (l: number[]): number => l[0];\n",
        /d\.ts.*TS2322/,
      ),
    ],
  },
  {
    part: "lint",
    plants: [
      bad(
        "a floating promise",
        "src/cli/a.ts",
        "const work = async (): Promise<void> => {};\nwork();\n",
        /cli\/a\.ts.*no-floating-promises/,
      ),
      bad(
        "any",
        "src/core/b.ts",
        "export const b = (x: any): unknown => x;\n",
        /core\/b\.ts.*no-explicit-any/,
      ),
      bad("a default export", "src/core/c.ts", "export default 1;\n", /core\/c\.ts.*no-default-export/),
      {
        name: "a cycle",
        files: {
          "src/cli/d.ts": 'import { e } from "./e.ts";\n\nexport const d = (): unknown => e;\n',
          "src/cli/e.ts": 'import { d } from "./d.ts";\n\nexport const e = (): unknown => d;\n',
        },
        says: /cli\/d\.ts.*no-cycle/,
      },
      bad(
        "a switch with a gap",
        "src/core/f.ts",
        'export function f(x: "a" | "b"): void {\n  switch (x) {\n    case "a":\n      return;\n  }\n}\n',
        /core\/f\.ts.*switch-exhaustiveness-check/,
      ),
      bad(
        "a value across a border for types",
        "src/ports/g.ts",
        'import { tick } from "../core/index.ts";\n\nexport const g = tick;\n',
        /ports\/g\.ts.*no-restricted-imports/,
      ),
      bad(
        "a forgotten only",
        "src/core/h.test.ts",
        'import { it } from "vitest";\nit.only("x", () => {});\n',
        /h\.test/,
      ),
    ],
  },
  {
    part: "format",
    plants: [
      bad("single quotes and tabs", "src/core/a.ts", "export const a = ['x',\n\t'y'];\n", /core\/a\.ts/),
    ],
  },
  {
    part: "layering",
    beside: {
      "src/cli/index.ts": "export {};\n",
      "src/coordinator/index.ts": "export {};\n",
      "src/platform/index.ts": "export {};\n",
    },
    plants: [
      layer("core imports a folder", "src/core/a.ts", "../protocol/index.ts", "core-imports"),
      layer("a folder entered beside its index", "src/cli/b.ts", "../core/tick.ts", "enter-by-index"),
      layer("node: in a pure folder", "src/core/c.ts", "node:fs", "no-operating-system"),
      layer("node without its prefix", "src/protocol/c2.ts", "fs", "no-operating-system"),
      layer("zod outside protocol and cli", "src/worker/d.ts", "zod", "zod-only-in-protocol-and-cli"),
      layer("lmdb outside log and blobs", "src/worker/e.ts", "lmdb", "lmdb-only-in-log-and-blobs"),
      layer(
        "DuckDB in the coordinator",
        "src/coordinator/f.ts",
        "@duckdb/node-api",
        "@duckdb/node-api-only-in-results",
      ),
      layer("a package of no folder", "src/cli/g.ts", "esbuild", "unknown-package"),
      layer("sim imports cli", "src/sim/h.ts", "../cli/index.ts", "sim-imports"),
      layer("an unknown folder", "src/misc/i.ts", "../core/index.ts", "unknown-folder"),
      bad(
        "an unknown folder alone",
        "src/other/j.ts",
        "export {};\n",
        /src\/other\/j\.ts.*\[unknown-folder\]/,
      ),
      layer("an import to nowhere", "src/cli/k.ts", "./missing.ts", "unresolvable"),
      layer("the product imports a test", "src/core/l.ts", "./tick.test.ts", "no-tests-in-the-product"),
      layer(
        "the worker imports the coordinator",
        "src/worker/m.ts",
        "../coordinator/index.ts",
        "worker-imports",
      ),
      layer(
        "the worker imports platform beside its entry",
        "src/worker/n.ts",
        "../platform/index.ts",
        "worker-imports",
      ),
      layer(
        "a test across folders beside the table",
        "src/core/o.test.ts",
        "../cli/index.ts",
        "core-tests-import",
      ),
      layer(
        "an end-to-end test enters beside an index",
        "test/e2e/p.ts",
        "../../src/core/tick.ts",
        "tests-enter-by-index",
      ),
    ],
  },
  {
    part: "purity",
    plants: Object.entries({
      Date: "export const a = Date.now();\n",
      performance: "export const a = performance.now();\n",
      "Math.random": "export const a = Math.random();\n",
      setTimeout: "setTimeout(() => 1, 1);\n",
      setInterval: "setInterval(() => 1, 1);\n",
      process: "export const a = process.pid;\n",
      console: "console.log(1);\n",
      "node:": 'import "node:fs";\n',
      async: "export async function a(): Promise<void> {}\n",
      await: "export {};\nawait a();\n",
    }).map(([name, text], index) =>
      bad(`${name} in a pure folder`, `src/core/pure${index}.ts`, text, new RegExp(`core/pure${index}\\.ts`)),
    ),
  },
  {
    part: "tidy",
    plants: [
      bad("a file of 501 lines", "src/core/a.ts", lines(501, "export {};"), /core\/a\.ts.*\[file_lines\]/),
      bad(
        "a function of 71 lines",
        "src/core/b.ts",
        `export function b(): void {\n${lines(69, "  tick();")}}\n`,
        /core\/b\.ts.*\[function_lines\]/,
      ),
      bad(
        "a line of 111 characters",
        "src/core/c.ts",
        `// ${"x".repeat(108)}\n`,
        /core\/c\.ts.*\[line_length\]/,
      ),
      bad(
        "a reminder in a comment",
        "src/core/d.ts",
        `// ${"TO"}${"DO"} later\n`,
        /core\/d\.ts.*\[reminder\]/,
      ),
      bad("a default export", "src/core/e.ts", "export default 1;\n", /core\/e\.ts.*\[default_export\]/),
      bad(
        "a boolean parameter",
        "src/core/f.ts",
        "export const f = (x: boolean): unknown => x;\n",
        /\[boolean_param/,
      ),
      bad(
        "an exception that is not needed",
        "scripts/tidy-exceptions.json",
        '[{ "path": "src/core/tick.ts", "rule": "file_lines", "size": 600 }]\n',
        /tick\.ts file_lines {2}is 0 now/,
      ),
    ],
  },
  {
    part: "dead code",
    plants: [
      bad("a file nobody imports", "src/core/a.ts", "export const a = 1;\n", /src\/core\/a\.ts/),
      {
        name: "an export nobody imports",
        files: { "src/core/tick.ts": `${HEALTHY["src/core/tick.ts"]}export const unusedExport = 2;\n` },
        says: /unusedExport +src\/core\/tick\.ts/,
      },
    ],
  },
  {
    part: "unit",
    plants: [
      bad(
        "a failing test",
        "src/core/a.test.ts",
        'import { expect, it } from "vitest";\nit("fails", () => expect(1).toBe(2));\n',
        /FAILED unit.* 1 passed, 2 failed/,
      ),
      bad("a test file that does not load", "src/core/b.test.ts", 'import "./gone.ts";\n', /b\.test\.ts/),
    ],
  },
];
