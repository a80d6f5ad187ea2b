// What `npm pack` puts into the package: what users need, and nothing that only the project needs.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

interface Packed {
  size: number;
  files: { path: string }[];
}

function packed(): Packed {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error"];
  const [found] = JSON.parse(execFileSync("npm", args, { cwd: ROOT, encoding: "utf8" })) as Packed[];
  if (found === undefined) throw new Error("npm pack lists no package");
  return found;
}

test("the package holds program, documents and examples, and no tests", { timeout: 60_000 }, () => {
  const { files, size } = packed();
  const paths = files.map(({ path }) => path);
  const needed = [
    "dist/cli/main.js",
    "dist/worker.cjs",
    "dist/client/index.d.ts",
    "docs/ERRORS.md",
    "docs/README.md",
    "deploy/prometheus/alerts.yml",
    "examples/client/smoke.ts",
    "llms.txt",
    "README.md",
    "LICENSE",
  ];
  expect(needed.filter((path) => !paths.includes(path))).toEqual([]);
  const ours = paths.filter((path) => !path.startsWith("examples/"));
  expect(
    ours.filter((path) =>
      /\.test\.|\.testing\.|\/(?:testing|fixtures|sim)\/|\.map$|^(?:src|test)\//.test(path),
    ),
  ).toEqual([]);
  expect(size).toBeLessThan(2_000_000);
});
