// The documents against the tree and the schemas: what they name is there, and what there is they name.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { globSync } from "tinyglobby";
import { describe, expect, test } from "vitest";
import { llmsText } from "../../scripts/lib/llms.mjs";
import {
  assignment,
  attemptResult,
  COORDINATOR_FRAMES,
  hello,
  WORKER_FRAMES,
} from "../../src/protocol/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const names = globSync(["*.md", "llms.txt", "{bench,docs,examples,test}/**/*.md"], {
  cwd: ROOT,
  ignore: ["**/node_modules/**", "**/fixtures/**"],
});
const documents = names.sort().map((name) => ({ name, text: readFileSync(join(ROOT, name), "utf8") }));
const textOf = (path: string) => documents.find(({ name }) => name === path)?.text ?? "";

/** As GitHub makes them: lower case, without punctuation, a dash for each space. */
function anchorsOf(path: string): string[] {
  const headings = [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => title);
  return headings.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(documents)("$name", ({ name, text }) => {
  test("links to what is there", () => {
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? join(ROOT, name) : join(ROOT, name, "..", path);
      expect(existsSync(file), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(file), target).toContain(anchor);
    }
  });

  test("describes its pictures", () => {
    expect(text).not.toMatch(/!\[\s*\]\(|<img(?![^>]* alt="[^"])/);
  });

  test("names source files that are there", () => {
    for (const [, path = ""] of text.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|py|json|mjs|cjs))`/g)) {
      const isBuilt = path.startsWith("dist/") || path.startsWith("coordinators/");
      expect(isBuilt || existsSync(join(ROOT, path)) || existsSync(join(ROOT, "src", path)), path).toBe(true);
    }
  });
});

describe("docs/README.md", () => {
  test("lists every page", () => {
    const listed = [...textOf("docs/README.md").matchAll(/\]\(([^)]+)\)/g)].map(([, path]) => `docs/${path}`);
    const pages = names.filter((name) => name.startsWith("docs/") && name !== "docs/README.md");
    expect(pages.filter((page) => !listed.includes(page))).toEqual([]);
  });

  test("is what llms.txt says in short: npm run docs writes it", () => {
    expect(textOf("llms.txt")).toBe(llmsText());
  });
});

describe("docs/PROTOCOL.md", () => {
  const text = textOf("docs/PROTOCOL.md");
  const words = new Set(text.match(/[a-z_]+/g));

  test("has a paragraph for every type of frame", () => {
    const types = [...Object.keys(WORKER_FRAMES), ...Object.keys(COORDINATOR_FRAMES)];
    expect(types.filter((type) => !text.includes(`**\`${type}\`**`))).toEqual([]);
  });

  test("names every field of every frame", () => {
    const schemas = { ...WORKER_FRAMES, ...COORDINATOR_FRAMES, assignment, attemptResult };
    const parts = { ...schemas, capabilities: hello.def.shape.capabilities };
    for (const [name, { def }] of Object.entries(parts)) {
      expect(
        Object.keys(def.shape).filter((field) => !words.has(field)),
        name,
      ).toEqual([]);
    }
  });
});
