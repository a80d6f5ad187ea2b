/**
 * Lists a tree: every file with its stat, every link with its target, every directory.
 *
 * The calls are the blocking ones on purpose: on a warm cache an lstat takes some microseconds and the
 * detour through the thread pool several times that. The walk gives the event loop a turn after every few
 * directories.
 */
import { execFile } from "node:child_process";
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { BigIntStats, Dirent } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { promisify } from "node:util";
import { errnoOf, WorkspaceUnreadable } from "./errors.ts";
import type { IgnoreRules } from "./ignore-rules.ts";
import { parentsOf } from "./manifest.ts";
import { pathFault } from "./path-rules.ts";

const DIRECTORIES_PER_TURN = 32;

export interface LeftOut {
  path: string;
  reason: string;
}

export interface WalkedFile {
  path: string;
  stat: BigIntStats;
}

export interface Walked {
  files: WalkedFile[];
  links: Map<string, string>;
  directories: string[];
  leftOut: LeftOut[];
}

/** The tracked paths and their directories, or null for everything. */
export type Selection = { files: ReadonlySet<string>; directories: ReadonlySet<string> } | null;

export async function walkTree(
  root: string,
  options: { rules: IgnoreRules; selection: Selection },
): Promise<Walked> {
  const walk = new Walk(root, options);
  await walk.run();
  return walk.found;
}

class Walk {
  readonly found: Walked = { files: [], links: new Map(), directories: [], leftOut: [] };
  private readonly root: string;
  private readonly rules: IgnoreRules;
  private readonly selection: Selection;
  private readonly pending: string[] = [""];

  constructor(root: string, options: { rules: IgnoreRules; selection: Selection }) {
    this.root = root;
    this.rules = options.rules;
    this.selection = options.selection;
  }

  async run(): Promise<void> {
    let turn = 0;
    for (let dir = this.pending.pop(); dir !== undefined; dir = this.pending.pop()) {
      this.directory(dir);
      turn += 1;
      if (turn % DIRECTORIES_PER_TURN === 0) await nextTurn();
    }
  }

  private directory(dir: string): void {
    const children = this.list(dir);
    if (isYard(children)) return this.leave(dir === "" ? "." : dir, "data directory of a yard, with its key");
    for (const child of children) {
      this.visit(dir === "" ? child.name : `${dir}/${child.name}`, child);
    }
  }

  private list(dir: string): Dirent[] {
    try {
      return readdirSync(join(this.root, dir), { withFileTypes: true });
    } catch (error) {
      const reason = errnoOf(error) ?? String(error);
      if (dir === "") throw new WorkspaceUnreadable(this.root, reason);
      this.leave(dir, `directory cannot be read (${reason})`);
      return [];
    }
  }

  private visit(path: string, child: Dirent): void {
    if (!this.selects(path, child)) return;
    const fault = pathFault(path);
    if (fault !== null) return this.leave(path, fault);
    if (child.isDirectory()) {
      this.pending.push(path);
      this.found.directories.push(path);
    } else if (child.isSymbolicLink()) this.readLink(path);
    else if (child.isFile()) this.readStat(path);
    else this.leave(path, kindOf(child));
  }

  private selects(path: string, child: Dirent): boolean {
    if (child.isDirectory()) {
      if (this.selection !== null && !this.selection.directories.has(path)) return false;
      return !this.rules.ignoresDirectory(path, child.name);
    }
    if (this.selection !== null && !this.selection.files.has(path)) return false;
    return !this.rules.ignoresFile(path, child.name);
  }

  /** Unusable links are recorded too: whatever leads through them leads out of the tree as well. */
  private readLink(path: string): void {
    this.reading(path, () => this.found.links.set(path, readlinkSync(join(this.root, path))));
  }

  private readStat(path: string): void {
    this.reading(path, () => {
      const stat = lstatSync(join(this.root, path), { bigint: true });
      // It may have become something else since the directory was listed.
      if (stat.isFile()) this.found.files.push({ path, stat });
      else this.leave(path, "changed its kind during the scan");
    });
  }

  private reading(path: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      // A name that is not UTF-8 comes back altered and then does not exist.
      const altered = path.includes("\uFFFD");
      this.leave(path, altered ? "name is not valid UTF-8" : `cannot be read (${errnoOf(error)})`);
    }
  }

  private leave(path: string, reason: string): void {
    this.found.leftOut.push({ path, reason });
  }
}

/** What every test that runs anywhere could read must not hold the key to everything. */
function isYard(children: readonly Dirent[]): boolean {
  const names = new Set(children.map(({ name }) => name));
  return names.has("cluster.json") && names.has("client-key");
}

function kindOf(child: Dirent): string {
  if (child.isSocket()) return "socket";
  if (child.isFIFO()) return "named pipe";
  return "device or unknown kind of file";
}

/** What git tracks below `root`. */
export async function trackedSelection(root: string): Promise<Selection> {
  const files = new Set((await listTracked(root)).split("\0").filter((path) => path !== ""));
  const directories = new Set<string>();
  for (const path of files) for (const parent of parentsOf(path)) directories.add(parent);
  return { files, directories };
}

async function listTracked(root: string): Promise<string> {
  const options = { cwd: root, maxBuffer: 512 * 1024 * 1024, encoding: "utf8" } as const;
  try {
    const { stdout } = await promisify(execFile)("git", ["ls-files", "-z", "--cached"], options);
    return stdout;
  } catch (error) {
    throw new WorkspaceUnreadable(
      root,
      `git ls-files failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
