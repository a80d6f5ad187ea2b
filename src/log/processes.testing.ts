/**
 * Real processes for tests. Node 20 runs no TypeScript, so a program is bundled into a temporary folder,
 * where a link makes the installed packages visible to it.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** @returns the path of a module that node can run */
export async function bundle(source: string, dir: string): Promise<string> {
  mkdirSync(dir, { recursive: true });
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const outfile = join(dir, `${source.replace(/\.ts$/, "")}.mjs`);
  try {
    symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const entry = fileURLToPath(new URL(source, import.meta.url));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "silent",
  });
  return outfile;
}

export interface Program {
  readonly child: ChildProcess;
  /** Every line so far; grows. */
  readonly lines: string[];
  /** Resolves with the first line that fits, from now on or before; rejects when the program ends without. */
  readonly line: (fits: (line: string) => boolean) => Promise<string>;
  /** Resolves when it has ended and everything it wrote was read. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; errors: string }>;
}

export function start(program: string, args: readonly string[]): Program {
  return startWith(process.execPath, [program], { args });
}

/** @param before what stands in front of the program's own arguments */
export function startWith(
  command: string,
  before: readonly string[],
  { args }: { args: readonly string[] },
): Program {
  const child = spawn(command, [...before, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const waiting = new Set<(line: string) => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    for (const check of waiting) check(line);
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended: Program["ended"] = new Promise((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, errors }));
  });
  return {
    child,
    lines,
    ended,
    line: (fits) =>
      new Promise((resolve, reject) => {
        const check = (line: string): void => {
          if (!fits(line)) return;
          waiting.delete(check);
          resolve(line);
        };
        waiting.add(check);
        for (const line of lines) check(line);
        void ended.then((how) => reject(new Error(`the program ended: ${JSON.stringify(how)}`)));
      }),
  };
}
