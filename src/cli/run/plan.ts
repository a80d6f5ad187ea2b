/**
 * What a run will run, and in which order: of the suites that were found, what the change touches, without
 * what has passed already, cut into tasks by what earlier runs have taught.
 */
import { posix, relative } from "node:path";
import type { Client } from "../../client/index.ts";
import type { WorkspaceScan } from "../../workspace/index.ts";
import { usage } from "../errors.ts";
import { changedFiles, onlyChanged, type Selection } from "./changed/index.ts";
import { findReusable, inputsOf, withoutReused, type Reused } from "./reuse.ts";
import { toPosix, type FoundSuite } from "./suites.ts";
import { commandTask, planTasks, timesMatrix, type SharedOptions, type TaskPlan } from "./tasks.ts";

export type Order = "longest" | "fail-fast";

export interface PlanFlags {
  /** Instead of suites. */
  command?: string[];
  reads?: string;
  project?: string;
  retries: number;
  timeout?: number;
  env?: Record<string, string>;
  args?: string[];
  artifacts?: string[];
  order: Order;
  onlyChanged?: true;
  since: string;
  reuse?: true;
  /** Axes with their values: every task runs once for each combination. */
  matrix?: Record<string, string[]>;
}

export interface PlanOptions {
  client: Client;
  workspace: string;
  scanned: WorkspaceScan;
  found: readonly FoundSuite[];
  slots: number;
  flags: PlanFlags;
}

export interface RunPlan {
  plans: TaskPlan[];
  reused: Reused[];
  /** For people: what was left out, and what was not and why. */
  notes: string[];
  /** Set when a change was asked for and touches no test: an empty run is then no mistake. */
  untouched: boolean;
}

export async function planRun(options: PlanOptions): Promise<RunPlan> {
  return options.flags.command === undefined ? planSuites(options) : planCommand(options);
}

function planCommand({ workspace, scanned, flags }: PlanOptions): RunPlan {
  const { command: argv = [], reads = null } = flags;
  const cwd = toPosix(relative(workspace, process.cwd())) || ".";
  const plan = commandTask({ argv, reads, cwd }, sharedOptions(scanned, flags));
  return { plans: expanded([plan], flags), reused: [], notes: [], untouched: false };
}

function sharedOptions(scanned: WorkspaceScan, flags: PlanFlags): SharedOptions {
  const { retries, timeout = null, env = {}, artifacts = [] } = flags;
  return { treeHash: scanned.treeHash, retries, timeoutMs: timeout, env, artifacts };
}

function expanded(plans: TaskPlan[], { matrix }: PlanFlags): TaskPlan[] {
  return matrix === undefined ? plans : plans.flatMap(timesMatrix(matrix));
}

async function planSuites(options: PlanOptions): Promise<RunPlan> {
  const { client, scanned, slots, flags } = options;
  if (flags.matrix !== undefined && flags.reuse === true) {
    throw usage("--matrix and --reuse do not go together: a pass is not remembered by its combination");
  }
  const selection = await select(options);
  const { args = [], project = "default" } = flags;
  const shared = { ...sharedOptions(scanned, flags), args };
  const inputs = new Map(selection.suites.map((suite) => [suite, inputsOf(suite, shared)] as const));
  const found = flags.reuse === true ? await findReusable(client, { project, inputs }) : [];
  const notes = [...selection.notes];
  if (found === null)
    notes.push("nothing is reused: no worker came up in time to say what machines there are");
  const reused = found ?? [];
  const suites = withoutReused(selection.suites, reused);
  const [durationsOf, firstOf] = [await learned(suites, options), await suspects(suites, options)];
  const hashes = new Map(suites.map((suite, i) => [suite, inputs.get(selection.suites[i] ?? suite) ?? ""]));
  const planned = planTasks(suites, {
    ...shared,
    slots,
    inputsOf: (suite) => hashes.get(suite) ?? "",
    durationsOf: (suite) => durationsOf.get(suite) ?? new Map(),
    firstOf: (suite) => firstOf.get(suite) ?? new Set(),
  });
  const untouched = flags.onlyChanged === true && selection.files === 0;
  return { plans: expanded(planned, flags), reused, notes, untouched };
}

async function select({ workspace, scanned, found, flags }: PlanOptions): Promise<Selection> {
  const all = found.reduce((sum, { discovery }) => sum + discovery.files.length, 0);
  if (flags.onlyChanged !== true) return { suites: [...found], notes: [], files: all };
  const selection = await onlyChanged(found, { workspace, scanned, since: flags.since });
  const what = `only what changed since ${flags.since}: ${selection.files} of ${all} files`;
  return { ...selection, notes: [what, ...selection.notes] };
}

type BySuite<T> = Map<FoundSuite, T>;

async function learned(
  suites: readonly FoundSuite[],
  options: PlanOptions,
): Promise<BySuite<ReadonlyMap<string, number>>> {
  const found: BySuite<ReadonlyMap<string, number>> = new Map();
  for (const suite of suites) {
    const items = await options.client.durations(queryOf(suite, options.flags));
    found.set(suite, new Map(items.map(({ file, duration_ms }) => [inSuite(suite, file), duration_ms])));
  }
  return found;
}

/** With `fail-fast`: files that failed lately, and test files that changed. */
async function suspects(
  suites: readonly FoundSuite[],
  { client, workspace, flags }: PlanOptions,
): Promise<BySuite<ReadonlySet<string>>> {
  const found: BySuite<ReadonlySet<string>> = new Map();
  if (flags.order !== "fail-fast") return found;
  // Outside git nothing is known of changes; what failed is known all the same.
  const changed = await changedFiles(workspace, flags.since).catch(() => []);
  for (const suite of suites) {
    const failed = await client.failures(queryOf(suite, flags));
    const paths = [...failed.map(({ file }) => file), ...changed];
    found.set(suite, new Set(paths.map((path) => inSuite(suite, path))));
  }
  return found;
}

function queryOf({ adapter, suite }: FoundSuite, { project = "default" }: PlanFlags) {
  return { project, framework: adapter.name, suite };
}

/** Learned by their place in the workspace, asked for by their place in the suite. */
function inSuite({ suite }: FoundSuite, path: string): string {
  return posix.relative(suite, path);
}
