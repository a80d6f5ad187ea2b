/**
 * One process with everything it starts: begun without a shell, in a session of its own, and gone when it
 * ends.
 *
 * What decides that it has ended is its exit, not its pipes: a daemon left behind holds the pipes open for as
 * long as it likes. So after the exit whatever is left of the tree is ended, the pipes get a moment to run
 * dry, and then they are closed. Standard output and error are two pipes given on in the order in which they
 * arrive; within each the order is exact, between them it is as good as the reader is quick.
 *
 * On Windows only the process itself is ended: there is neither a group nor /proc to find the others by.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Readable } from "node:stream";
import { ATTEMPT_KEY, endTree, livingMembers, treeOf } from "./process-tree.ts";
import type { Tree } from "./process-tree.ts";
import { endUsage, watchUsage } from "./usage.ts";
import type { ProcessUsage } from "./usage.ts";

export interface ProcessSpec {
  argv: readonly string[];
  cwd: string;
  /** The whole environment; nothing is added but the key. */
  env: Readonly<Record<string, string>>;
  /** No other process on the machine has it; no spaces. */
  key: string;
  onOutput: (chunk: Uint8Array, stream: "stdout" | "stderr") => void;
}

export interface ProcessEnd {
  code: number | null;
  signal: string | null;
  usage: ProcessUsage | null;
  /** Processes that outlived the root and were ended. */
  leftBehind: number;
  /** Processes that could not be ended. */
  survivors: number;
}

export interface RunningProcess {
  pid: number;
  /** Resolves when nothing of the tree is left; never rejects. */
  ended: Promise<ProcessEnd>;
  /** Ends the tree: SIGTERM, at most `graceMs`, SIGKILL. A second call with less grace hastens it. */
  kill(graceMs: number): void;
}

/** The process could not be begun: no such program, not executable, no such folder, too many processes. */
export class SpawnFailed extends Error {
  override readonly name = "SpawnFailed";
  readonly code = "spawn_failed";
  /** `ENOENT`, `EACCES`, … */
  readonly errno: string;
  /** What the errno speaks of. */
  readonly about: "program" | "folder" | "machine";

  constructor(spec: ProcessSpec, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    const errno = (cause as NodeJS.ErrnoException).code ?? "unknown";
    this.errno = errno === "EACCES" && isNowhere(spec) ? "ENOENT" : errno;
    const isOfProgram = ["ENOENT", "EACCES", "ENOEXEC", "ELOOP", "ENOTDIR", "E2BIG"].includes(this.errno);
    this.about = existsSync(spec.cwd) ? (isOfProgram ? "program" : "machine") : "folder";
  }
}

/** With a folder in PATH that may not be entered, the system says "permission denied" of what is missing. */
function isNowhere({ argv: [program = ""], env }: ProcessSpec): boolean {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return !program.includes("/") && !folders.some((folder) => existsSync(join(folder, program)));
}

const DRAIN_MS = 200;
/** What a leftover of a root that ended by itself gets between SIGTERM and SIGKILL. */
const LEFTOVER_GRACE_MS = 200;

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** @throws SpawnFailed */
export async function startProcess(spec: ProcessSpec): Promise<RunningProcess> {
  const child = begin(spec);
  child.stdout.on("data", (chunk: Uint8Array) => spec.onOutput(chunk, "stdout"));
  child.stderr.on("data", (chunk: Uint8Array) => spec.onOutput(chunk, "stderr"));
  for (const pipe of [child.stdout, child.stderr]) pipe.on("error", () => {});
  const exited = new Promise<[number | null, string | null]>((resolve) => {
    child.once("exit", (code, signal) => resolve([code, signal]));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(new SpawnFailed(spec, cause)));
  });
  child.on("error", () => {}); // From here on only a failed kill, which the next look at the table tells.
  const { pid } = child;
  if (pid === undefined) throw new SpawnFailed(spec, "no process id");
  return follow(child, { tree: treeOf(pid, spec.key), exited });
}

function begin(spec: ProcessSpec): Child {
  const [program = "", ...args] = spec.argv;
  const outer = process.env[ATTEMPT_KEY];
  const env = { ...spec.env, [ATTEMPT_KEY]: outer === undefined ? spec.key : `${outer} ${spec.key}` };
  const options = { cwd: spec.cwd, env, detached: process.platform !== "win32", windowsHide: true };
  try {
    return spawn(program, args, { ...options, shell: false, stdio: ["ignore", "pipe", "pipe"] });
  } catch (cause) {
    throw new SpawnFailed(spec, cause);
  }
}

function follow(
  child: Child,
  its: { tree: Tree; exited: Promise<[number | null, string | null]> },
): RunningProcess {
  const { tree, exited } = its;
  watchUsage(tree);
  let deadline = Number.POSITIVE_INFINITY;
  let ending: Promise<number> = Promise.resolve(0);
  const kill = (graceMs: number) => {
    const asked = performance.now() + graceMs;
    if (asked >= deadline) return;
    deadline = asked;
    ending = Promise.all([ending, end(child, { tree, graceMs })]).then((counts) => Math.max(...counts));
  };
  const ended = exited.then(async ([code, signal]): Promise<ProcessEnd> => {
    const usage = endUsage(tree);
    const killed = await ending;
    const left = await endLeftovers(tree);
    await drained(child);
    return {
      code,
      signal,
      usage: await usage,
      leftBehind: left.found,
      survivors: Math.max(killed, left.survivors),
    };
  });
  return { pid: tree.rootPid, ended, kill };
}

async function end(child: Child, what: { tree: Tree; graceMs: number }): Promise<number> {
  if (process.platform !== "win32") return await endTree(what.tree, what);
  child.kill();
  return 0;
}

async function endLeftovers(tree: Tree): Promise<{ found: number; survivors: number }> {
  const living = process.platform === "win32" ? [] : await livingMembers(tree);
  if (living.length === 0) return { found: 0, survivors: 0 };
  return { found: living.length, survivors: await endTree(tree, { graceMs: LEFTOVER_GRACE_MS }) };
}

async function drained(child: Child): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const closed = Promise.all([closing(child.stdout), closing(child.stderr)]);
  await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, DRAIN_MS)))]);
  clearTimeout(timer);
  for (const pipe of [child.stdout, child.stderr]) {
    pipe.removeAllListeners("data");
    pipe.destroy();
  }
}

function closing(pipe: Readable): Promise<void> {
  return pipe.closed ? Promise.resolve() : new Promise((resolve) => pipe.once("close", resolve));
}
