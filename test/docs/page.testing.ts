/**
 * A page of the documentation as a program: its ```sh blocks, top to bottom, in one shell session that begins
 * in an empty folder with `testyard` at hand and no yard running.
 *
 *     <!-- setup: COMMAND -->     runs before the next block and is not shown to the reader
 *     <!-- in the repository -->  the next block is run there, but for what this very test command has run
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(ROOT, "dist/cli/main.js");
const LONGEST_MS = 240_000;

export interface Block {
  /** Of its first command, from 1. */
  line: number;
  commands: string;
  place: "session" | "repository";
}

export interface Page {
  blocks: Block[];
  /** Commands that stand where nothing would run them. */
  strays: { line: number; text: string }[];
}

const COMMAND = /^(?: {4}|\t)(?:testyard|npx|npm|node|curl|git|docker|sudo|apt-get|export) \S/;
const OTHER_SHELL = /^```(?:bash|shell|console|zsh)\b/;

export function readPage(markdown: string): Page {
  const page: Page = { blocks: [], strays: [] };
  let setup: string[] = [];
  let place: Block["place"] = "session";
  let open: { line: number; lines: string[]; isRun: boolean } | null = null;
  for (const [index, text] of markdown.split("\n").entries()) {
    const line = index + 1;
    if (open !== null) {
      if (!text.startsWith("```")) open.lines.push(text);
      else {
        if (open.isRun)
          page.blocks.push({ line: open.line, commands: [...setup, ...open.lines].join("\n"), place });
        if (open.isRun) [setup, place] = [[], "session"];
        open = null;
      }
    } else if (text.startsWith("```")) {
      if (OTHER_SHELL.test(text)) page.strays.push({ line, text });
      open = { line: line + 1, lines: [], isRun: /^```sh\s*$/.test(text) };
    } else if (COMMAND.test(text)) page.strays.push({ line, text: text.trim() });
    else if (text.startsWith("<!-- in the repository -->")) place = "repository";
    else setup.push(...[...text.matchAll(/^<!-- setup: (.*) -->$/g)].map((match) => match[1] ?? ""));
  }
  return page;
}

export interface SessionEnd {
  code: number | null;
  /** Both streams, with a line before each block that says where it stands. */
  output: string;
  /** Processes that the page started and did not stop. */
  leftovers: string[];
}

export async function runPage(blocks: readonly Block[]): Promise<SessionEnd> {
  const home = mkdtempSync(join(tmpdir(), "testyard-docs-"));
  try {
    const marker = `TESTYARD_DOCS_PAGE=${home}`;
    const ended = await shell(home, { script: scriptOf(blocks), marker });
    const leftovers = processesWith(marker);
    for (const { pid } of leftovers) process.kill(pid, "SIGKILL");
    return { ...ended, leftovers: leftovers.map(({ command }) => command) };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function scriptOf(blocks: readonly Block[]): string {
  const parts = blocks.map(({ line, commands, place }) => {
    const here = place === "session" ? commands : `(cd "$REPOSITORY"\n${commands}\n)`;
    return `echo "--- block at line ${line}"\n${here}`;
  });
  return ["set -euo pipefail", ...parts].join("\n");
}

function shell(
  home: string,
  { script, marker }: { script: string; marker: string },
): Promise<Omit<SessionEnd, "leftovers">> {
  for (const folder of ["bin", "work", "home"]) mkdirSync(join(home, folder));
  writeFileSync(join(home, "bin/testyard"), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  chmodSync(join(home, "bin/testyard"), 0o755);
  const [name = "", value = ""] = marker.split("=");
  const env = { ...ownEnvironment(), [name]: value, REPOSITORY: ROOT, HOME: join(home, "home") };
  const child = spawn("bash", ["-c", script], {
    cwd: join(home, "work"),
    env: { ...env, PATH: `${join(home, "bin")}:${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}` },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  // Not "close": a forgotten background process holds the pipes.
  return new Promise((resolve) => child.on("exit", (code) => resolve({ code, output })));
}

/** What a newcomer has: none of the variables of the program or of the tests around it. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(?:TESTYARD_|XDG_|VITEST|NODE_ENV$|NODE_OPTIONS$|npm_)/;
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !foreign.test(key)));
}

function processesWith(marker: string): { pid: number; command: string }[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
        if (!environment.includes(marker)) return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return command === "" ? [] : [{ pid: Number(name), command }];
      } catch {
        return [];
      }
    });
}
