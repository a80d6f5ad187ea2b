// The documents against the tree and the schemas: what they name is there, and what there is they name.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  assignment,
  attemptResult,
  COORDINATOR_FRAMES,
  hello,
  WORKER_FRAMES,
} from "../../src/protocol/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCS = join(ROOT, "docs");
const documents = readdirSync(DOCS, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => ({ name, text: readFileSync(join(DOCS, name), "utf8") }));

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

describe.each(documents)("docs/$name", ({ name, text }) => {
  test("links to what is there", () => {
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? join(DOCS, name) : join(DOCS, name, "..", path);
      expect(existsSync(file), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(file), target).toContain(anchor);
    }
  });

  test("names source files that are there", () => {
    for (const [, path = ""] of text.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|py|json|mjs|cjs))`/g)) {
      const isBuilt = path.startsWith("dist/") || path.startsWith("coordinators/");
      expect(isBuilt || existsSync(join(ROOT, path)) || existsSync(join(ROOT, "src", path)), path).toBe(true);
    }
  });
});

describe("docs/PROTOCOL.md", () => {
  const text = documents.find(({ name }) => name === "PROTOCOL.md")?.text ?? "";
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
