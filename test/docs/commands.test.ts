import { connect } from "node:net";
import { globSync } from "tinyglobby";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { readPage, ROOT, runPage } from "./page.testing.ts";

vi.setConfig({ testTimeout: 300_000 });

const PAGES = globSync(["README.md", "CONTRIBUTING.md", "docs/**/*.md", "examples/**/*.md"], {
  cwd: ROOT,
  ignore: ["**/node_modules/**", "docs/measurements/**"],
}).sort();
const RUNNABLE = PAGES.map((path) => ({ path, ...readPage(readFileSync(join(ROOT, path), "utf8")) }));

/** What the test command itself consists of, or runs on another page (the demo: README.md). */
const RUN_ALREADY =
  /^(?:npm (?:ci|ci && npm test|test|run (?:check|build|sim|docs|demo)(?: .*)?)|scripts\/\S+)(?:\s+#.*)?$/;
const INSTALL_FIRST = /^npm ci && /;

describe("commands in the documentation", () => {
  // The pages use the default port, as their readers do.
  beforeAll(async () => {
    const isTaken = await new Promise<boolean>((resolve) => {
      const socket = connect(8080, "127.0.0.1");
      socket.on("connect", () => (socket.destroy(), resolve(true)));
      socket.on("error", () => resolve(false));
    });
    if (isTaken) throw new Error("something listens on 127.0.0.1:8080, which the pages need: stop it");
  });

  test.each(RUNNABLE)("$path shows commands only where they are run", ({ strays }) => {
    expect(strays).toEqual([]);
  });

  test.each(RUNNABLE.filter(({ blocks }) => blocks.length > 0))(
    "$path works from top to bottom",
    async (page) => {
      const blocks = page.blocks
        .map((block) =>
          block.place === "repository" ? { ...block, commands: withoutRun(block.commands) } : block,
        )
        .filter(({ commands }) => commands.trim() !== "");
      const { code, output, leftovers } = await runPage(blocks);
      expect(code, `${page.path} ended with ${code}:\n${output}`).toBe(0);
      expect(leftovers).toEqual([]);
    },
  );
});

function withoutRun(commands: string): string {
  const lines = commands.split("\n").filter((line) => !RUN_ALREADY.test(line.trim()));
  return lines.map((line) => line.replace(INSTALL_FIRST, "")).join("\n");
}
