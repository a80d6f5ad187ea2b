import { describe, expect, test } from "vitest";
import { ImportGraph } from "./imports.ts";

function graphOf(
  texts: Record<string, string>,
  { packages = {}, installed = [] }: { packages?: Record<string, string>; installed?: string[] } = {},
): ImportGraph {
  return new ImportGraph({
    files: Object.keys(texts),
    read: (path) =>
      texts[path] === undefined ? Promise.reject(new Error("gone")) : Promise.resolve(texts[path]),
    packages: new Map(Object.entries(packages)),
    installed: new Set(installed),
  });
}

async function reached(graph: ImportGraph, start: string, wanted: string[]): Promise<string[]> {
  return [...(await graph.reaches(start, new Set(wanted)))].sort();
}

describe("imports of scripts", () => {
  test("are followed through files, folders and the .js that stands for a .ts", async () => {
    const graph = graphOf({
      "test/a.test.ts": `import { x } from "../src/a.js";\nimport "node:fs";`,
      "src/a.ts": `export * from './lib'; const lazy = () => import("./lazy.mjs");`,
      "src/lib/index.ts": `const b = require('../b')`,
      "src/b.cjs": "",
      "src/lazy.mjs": "",
      "src/other.ts": "",
    });
    const all = ["src/b.cjs", "src/lazy.mjs", "src/other.ts", "test/a.test.ts"];
    expect(await reached(graph, "test/a.test.ts", all)).toEqual([
      "src/b.cjs",
      "src/lazy.mjs",
      "test/a.test.ts",
    ]);
  });

  test("in a circle come to an end", async () => {
    const graph = graphOf({ "a.js": `import "./b.js"`, "b.js": `import "./a.js"` });
    expect(await reached(graph, "a.js", ["b.js"])).toEqual(["b.js"]);
  });

  test("of a deleted file are found by the name that asks for it", async () => {
    const graph = graphOf({ "a.test.js": `import "./gone.js"` });
    expect(await reached(graph, "a.test.js", ["gone.ts"])).toEqual(["gone.ts"]);
  });

  test("of a package of the workspace reach all of it, of an installed one nothing", async () => {
    const graph = graphOf(
      {
        "a.test.js": `import "@w/core/deep"; import leftPad from "left-pad";`,
        "packages/core/x.js": "",
        "y.js": "",
      },
      { packages: { "@w/core": "packages/core" }, installed: ["left-pad"] },
    );
    expect(await reached(graph, "a.test.js", ["packages/core/x.js", "y.js"])).toEqual(["packages/core/x.js"]);
  });

  test.each([
    ["an alias", `import "@/x"`],
    ["an alias that looks like a package", `import "app/x"`],
    ["a computed path", "await import(name)"],
    ["a template", "await import(`./lang/${name}.js`)"],
    ["a computed require", `require(path.join(dir, "x"))`],
  ])("with %s may reach anything", async (_, text) => {
    const graph = graphOf({ "a.test.js": text, "z.js": "" });
    expect(await reached(graph, "a.test.js", ["z.js"])).toEqual(["z.js"]);
  });
});

describe("imports of Python", () => {
  test("are followed in all their forms", async () => {
    const graph = graphOf({
      "tests/test_a.py": "from pkg.a import (one,\n  two)\nimport pkg.b as b, os\nfrom pkg import c\n",
      "src/pkg/__init__.py": "",
      "src/pkg/a.py": "from . import d\nfrom .sub.e import x\n",
      "src/pkg/b.py": "def f():\n    from pkg import late\n",
      "src/pkg/c.py": "",
      "src/pkg/d.py": "",
      "src/pkg/late.py": "",
      "src/pkg/sub/__init__.py": "",
      "src/pkg/sub/e.py": "from ..f import y\n",
      "src/pkg/f.py": "",
      "src/pkg/other.py": "",
    });
    const names = ["__init__", "a", "b", "c", "d", "f", "late", "other", "sub/__init__", "sub/e"];
    const all = names.map((name) => `src/pkg/${name}.py`);
    const without = all.filter((path) => !path.endsWith("other.py"));
    expect(await reached(graph, "tests/test_a.py", all)).toEqual(without);
  });

  test("include the conftest files above, which nobody names", async () => {
    const graph = graphOf({
      "tests/unit/test_a.py": "",
      "tests/conftest.py": "import helper",
      "conftest.py": "",
      "helper.py": "",
      "tests/other/conftest.py": "",
    });
    const all = ["tests/conftest.py", "conftest.py", "helper.py", "tests/other/conftest.py"];
    expect(await reached(graph, "tests/unit/test_a.py", all)).toEqual([
      "conftest.py",
      "helper.py",
      "tests/conftest.py",
    ]);
  });

  test("by a computed name may reach anything", async () => {
    const graph = graphOf({ "test_a.py": "importlib.import_module(name)", "z.py": "" });
    expect(await reached(graph, "test_a.py", ["z.py"])).toEqual(["z.py"]);
  });
});
