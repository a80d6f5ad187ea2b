/**
 * For tests only: a project in a temporary folder, run for real the way a worker does it.
 */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Adapter, CaseRef, CaseResult, ProcessExit, RunProcess, SuiteResult } from "./adapter.ts";

export interface Project {
  root: string;
  remove(): Promise<void>;
}

export async function project(files: Record<string, string>): Promise<Project> {
  const root = await mkdtemp(join(tmpdir(), "testyard-suite-"));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}

interface Ended {
  exit: ProcessExit;
  stdout: string;
  stderr: string;
}

/** The environment without what this test run itself added to it. */
function cleanEnv(extra: Record<string, string> = {}): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = { ...process.env, ...extra };
  for (const name of Object.keys(env))
    if (/^(VITEST|NODE_TEST|TEST$|NODE_ENV$|DEV$|PROD$|SSR$|MODE$|BASE_URL$)/.test(name)) delete env[name];
  return env;
}

export function execute(
  argv: readonly string[],
  options: { cwd: string; env?: Record<string, string>; timeout_ms: number },
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const [command = "", ...args] = argv;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: cleanEnv(options.env),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = { stdout: "", stderr: "", timedOut: false };
    const timer = setTimeout(() => {
      ended.timedOut = true;
      child.kill("SIGKILL");
    }, options.timeout_ms);
    child.stdout.on("data", (chunk) => (ended.stdout += String(chunk)));
    child.stderr.on("data", (chunk) => (ended.stderr += String(chunk)));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const { stdout, stderr, timedOut } = ended;
      resolve({ exit: { code, signal, timedOut }, stdout, stderr });
    });
  });
}

export const run: RunProcess = async (argv, options) => {
  const { exit, stdout, stderr } = await execute(argv, options);
  return { code: exit.code, stdout, stderr };
};

export interface RealRun extends SuiteResult {
  exit: ProcessExit;
  log: string;
}

export async function realRun(
  adapter: Adapter,
  options: {
    root: string;
    files: string[];
    args?: string[];
    env?: Record<string, string>;
    timeout_ms?: number;
    cases?: readonly CaseRef[];
    /** Looks at what the run left, before it is removed. */
    keep?: (resultDir: string) => Promise<void>;
  },
): Promise<RealRun> {
  const resultDir = await mkdtemp(join(tmpdir(), "testyard-result-"));
  try {
    const { root, files } = options;
    const args = options.args ? { args: options.args } : {};
    const cases = options.cases ? { cases: options.cases } : {};
    const command = await adapter.command({ root, files, resultDir, run, ...args, ...cases });
    const { exit, stdout, stderr } = await execute(command.argv, {
      cwd: join(root, command.cwd),
      env: { ...options.env, ...command.env },
      timeout_ms: options.timeout_ms ?? 60_000,
    });
    const log = stdout + stderr;
    await options.keep?.(resultDir);
    const result = await adapter.parse({ root, files, resultDir, exit, logTail: log.slice(-16_384) });
    return { ...result, exit, log };
  } finally {
    await rm(resultDir, { recursive: true, force: true });
  }
}

export function count(cases: readonly CaseResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const each of cases) counts[each.outcome] = (counts[each.outcome] ?? 0) + 1;
  return counts;
}

/** "file::name outcome", sorted: what a comparison of two runs looks at. */
export function outcomes(cases: readonly CaseResult[]): string[] {
  return cases.map((each) => `${each.file}::${each.name} ${each.outcome}`).sort();
}
