/**
 * Which processes belong to one attempt, and how they are ended.
 *
 * An attempt's root leads a session and a group of its own, and everything below it inherits a variable with
 * a key of its own. A process belongs to the attempt when it is in the group or the session, when its parent
 * belongs, or when its environment holds the key: a daemon that forked twice and made its own session has
 * lost the first three and keeps the last. One that also clears its environment *before it starts another
 * program* is found only while its parents live.
 *
 * The trade-off is a look at /proc at the end of each attempt. It is kept small: nothing older than the root
 * can belong, and for a short attempt only the pids given out since it began are looked at.
 */
import { environmentOf, hasProc, listProcesses, readProcess } from "./process-table.ts";
import type { TableEntry } from "./process-table.ts";

/** The variable that carries the key. Nested yards put theirs behind the outer one's, parted by a space. */
export const ATTEMPT_KEY = "TESTYARD_ATTEMPT_KEY";
/** Shorter than any machine takes to give out all its pids and begin again. */
const PID_WINDOW_MS = 1000;
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 50;
/** Then a process that SIGKILL does not end (it hangs in the kernel) is reported instead of waited for. */
const GIVE_UP_MS = 10_000;

export interface Tree {
  rootPid: number;
  /** null where the system does not tell. */
  rootStart: number | null;
  key: string;
  /** `performance.now()` at its start. */
  since: number;
}

export function treeOf(rootPid: number, key: string): Tree {
  const rootStart = hasProc ? (readProcess(rootPid)?.startTicks ?? null) : null;
  return { rootPid, rootStart, key, since: performance.now() };
}

/** Every living process of the tree, the root included while it lives. */
export async function livingMembers(tree: Tree): Promise<TableEntry[]> {
  return membersIn(await listProcesses(oldestPid(tree)), tree).filter((entry) => !entry.isDead);
}

function oldestPid(tree: Tree): number {
  return performance.now() - tree.since > PID_WINDOW_MS ? 0 : tree.rootPid;
}

export interface MemberOptions {
  /** Looks at the environment of this process; the sampler, which runs often, goes without. */
  keyOf?: ((pid: number) => string | null) | undefined;
}

export function membersIn(
  table: readonly TableEntry[],
  tree: Tree,
  options: MemberOptions = { keyOf },
): TableEntry[] {
  const candidates = table.filter((entry) => tree.rootStart === null || entry.startTicks >= tree.rootStart);
  const isReused = candidates.some((entry) => entry.pid === tree.rootPid && !isRoot(entry, tree));
  const members = new Map<number, TableEntry>();
  for (const entry of candidates) {
    const isInGroup = !isReused && (entry.session === tree.rootPid || entry.pgrp === tree.rootPid);
    if (isInGroup || isRoot(entry, tree) || holdsKey(options.keyOf?.(entry.pid), tree.key))
      members.set(entry.pid, entry);
  }
  addDescendants(candidates, members);
  return [...members.values()];
}

function isRoot(entry: TableEntry, tree: Tree): boolean {
  return entry.pid === tree.rootPid && (tree.rootStart === null || entry.startTicks === tree.rootStart);
}

function addDescendants(candidates: readonly TableEntry[], members: Map<number, TableEntry>): void {
  for (let before = -1; before !== members.size; ) {
    before = members.size;
    for (const entry of candidates) if (members.has(entry.ppid)) members.set(entry.pid, entry);
  }
}

function keyOf(pid: number): string | null {
  return hasProc && pid !== process.pid ? environmentOf(pid, ATTEMPT_KEY) : null;
}

function holdsKey(value: string | null | undefined, key: string): boolean {
  return typeof value === "string" && value.split(" ").includes(key);
}

/**
 * Ends the tree: SIGTERM, up to `graceMs` of waiting, then SIGKILL again and again until nothing is left.
 * @returns how many could not be ended
 */
export async function endTree(tree: Tree, options: { graceMs: number }): Promise<number> {
  const members = () => livingMembers(tree);
  if (options.graceMs > 0) {
    signalAll(await members(), tree, "SIGTERM");
    if ((await waitUntilNone(members, options.graceMs)) === 0) return 0;
  }
  return await killAll(members, (living) => signalAll(living, tree, "SIGKILL"));
}

async function killAll(
  find: () => Promise<TableEntry[]>,
  kill: (living: readonly TableEntry[]) => void,
): Promise<number> {
  const deadline = performance.now() + GIVE_UP_MS;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const living = await find();
    if (living.length === 0 || performance.now() > deadline) return living.length;
    kill(living);
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

async function waitUntilNone(find: () => Promise<TableEntry[]>, limitMs: number): Promise<number> {
  const deadline = performance.now() + limitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const living = await find();
    const leftMs = deadline - performance.now();
    if (living.length === 0 || leftMs <= 0) return living.length;
    await pause(Math.min(pauseMs, leftMs));
  }
}

/** The group first and at once, so that a fork in the meantime is in it; then those that have left it. */
function signalAll(living: readonly TableEntry[], tree: Tree, signal: NodeJS.Signals): void {
  if (living.some((entry) => entry.pgrp === tree.rootPid)) signalOne(-tree.rootPid, signal);
  for (const entry of living) if (entry.pgrp !== tree.rootPid) signalOne(entry.pid, signal);
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
    // A stopped process keeps SIGTERM for later.
    if (signal === "SIGTERM") process.kill(pid, "SIGCONT");
  } catch {
    // Gone meanwhile, or no longer ours to signal: the next look tells.
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/**
 * Ends what attempts of an earlier life of this worker have left running: every process whose key begins with
 * `prefix`. Linux only, elsewhere nothing is found.
 * @returns how many were found, and how many could not be ended
 */
export async function killMarked(prefix: string): Promise<{ found: number; survivors: number }> {
  const seen = new Set<number>();
  const find = async () => {
    const table = hasProc ? await listProcesses() : [];
    const marked = table.filter(
      (entry) =>
        !entry.isDead &&
        keyOf(entry.pid)
          ?.split(" ")
          .some((it) => it.startsWith(prefix)),
    );
    for (const entry of marked) seen.add(entry.pid);
    return marked;
  };
  const survivors = await killAll(find, (living) => {
    for (const entry of living) signalOne(entry.pid, "SIGKILL");
  });
  return { found: seen.size, survivors };
}
