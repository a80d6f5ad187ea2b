// docs/reference against the code that it is made from, and the documents that name its parts.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { referencePages } from "../../src/cli/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

test.each(Object.entries(referencePages()))("%s is up to date: npm run docs writes it", (path, text) => {
  expect(existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), "utf8") : "").toBe(text);
});
