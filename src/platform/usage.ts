/**
 * What an attempt used: processor time and memory of its whole tree.
 *
 * Exact (to the 10 ms that the system counts in): the processor time of the root and of everything it waited
 * for, from the difference that its end makes to our own waited-for children. Two that end in the same turn
 * of the event loop share what their last samples do not explain. Not exact: daemons that nobody waited for
 * count as last seen, and the largest memory is the largest *sum of resident pages at a sample*, shared pages
 * counted per process; what ends before the first sample shows no memory at all.
 *
 * One look at the process table serves all running attempts. Looks are spaced so that they cost a fiftieth of
 * a core, and where the machine has so many processes that this is not possible, there is one a second.
 */
import { hasProc, listProcesses, TICK_MS, waitedChildrenTicks } from "./process-table.ts";
import type { TableEntry } from "./process-table.ts";
import { membersIn } from "./process-tree.ts";
import type { Tree } from "./process-tree.ts";

export interface ProcessUsage {
  cpuMs: number;
  maxRssBytes: number;
}

interface Watched {
  tree: Tree;
  cpuTicks: number;
  maxRssBytes: number;
}

const FIRST_SAMPLE_MS = 100;
const SAMPLE_MS = 250;
const LONGEST_SAMPLE_MS = 1000;
const COST_SHARE = 50;

const watched = new Map<Tree, Watched>();
let timer: NodeJS.Timeout | null = null;

export function watchUsage(tree: Tree): void {
  watched.set(tree, { tree, cpuTicks: 0, maxRssBytes: 0 });
  if (!hasProc) return;
  // Before the first child ends, so that the first difference is that child's alone.
  ticksBefore ??= waitedChildrenTicks();
  timer ??= sampleIn(FIRST_SAMPLE_MS);
}

function sampleIn(delayMs: number): NodeJS.Timeout {
  return setTimeout(() => void sample(), delayMs).unref();
}

async function sample(): Promise<void> {
  const started = performance.now();
  const table = await listProcesses();
  for (const each of watched.values()) note(each, membersIn(table, each.tree, { keyOf: undefined }));
  const costMs = performance.now() - started;
  timer =
    watched.size === 0
      ? null
      : sampleIn(Math.min(LONGEST_SAMPLE_MS, Math.max(SAMPLE_MS, costMs * COST_SHARE)));
}

function note(each: Watched, members: readonly TableEntry[]): void {
  const sum = (value: (entry: TableEntry) => number) =>
    members.reduce((total, entry) => total + value(entry), 0);
  each.cpuTicks = Math.max(
    each.cpuTicks,
    sum((entry) => entry.cpuTicks),
  );
  each.maxRssBytes = Math.max(
    each.maxRssBytes,
    sum((entry) => entry.rssBytes),
  );
}

let ticksBefore: number | null = null;
let endedThisTurn: { each: Watched; tell: (usage: ProcessUsage) => void }[] = [];

/** To be called when the root has ended. null: it was not watched, or the system does not tell. */
export function endUsage(tree: Tree): Promise<ProcessUsage | null> {
  const each = watched.get(tree);
  watched.delete(tree);
  if (each === undefined || !hasProc) return Promise.resolve(null);
  return new Promise((tell) => {
    if (endedThisTurn.length === 0) setImmediate(settle);
    endedThisTurn.push({ each, tell });
  });
}

function settle(): void {
  const now = waitedChildrenTicks();
  const ended = endedThisTurn;
  const sampled = ended.reduce((sum, { each }) => sum + each.cpuTicks, 0);
  const unexplained = Math.max(0, now - (ticksBefore ?? now) - sampled);
  [ticksBefore, endedThisTurn] = [now, []];
  for (const { each, tell } of ended) {
    const ticks = each.cpuTicks + unexplained / ended.length;
    tell({ cpuMs: Math.round(ticks * TICK_MS), maxRssBytes: each.maxRssBytes });
  }
}
