/**
 * `--reuse`: a file that passed with exactly the inputs of today, on a machine of a class that is here, is
 * not run again; its cases stand in the report with the run that they are from.
 *
 * Inputs are the whole shipped tree, the adapter, the suite, its interpreter, the arguments and the
 * environment given for the run: a finer set (what a file imports) would reuse more and now and then wrongly.
 * A pass that needed a second attempt, or a repeat within the framework, is not reused. What a test reads
 * from elsewhere (the network, the clock, files outside the tree) is no input, which is why this is off
 * unless asked for.
 */
import { createHash } from "node:crypto";
import { posix } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/index.ts";
import type { ReusableCase } from "../../protocol/index.ts";
import type { FoundSuite } from "./suites.ts";

/** Changes when the meaning of a task's configuration does. */
const INPUTS_FORMAT = 1;

export interface InputOptions {
  treeHash: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** Hex; equal for equal inputs. The environment enters as a hash, so that no secret can be read from it. */
export function inputsOf({ adapter, suite, discovery }: FoundSuite, options: InputOptions): string {
  const env = Object.entries(options.env).sort(([a], [b]) => (a < b ? -1 : 1));
  const tool = discovery.interpreter ?? null;
  const all = [INPUTS_FORMAT, options.treeHash, adapter.name, suite, tool, options.args, env];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex");
}

/** Files of one earlier task that stand for themselves in this run. */
export interface Reused {
  suite: FoundSuite;
  /** Relative to the suite. */
  files: string[];
  from: { run_id: string; task_id: string };
  worker_id: string;
  cases: ReusableCase[];
}

interface Asked {
  project: string;
  inputs: ReadonlyMap<FoundSuite, string>;
}

/** @returns null when no worker came up in time, so that nobody knows which classes of machine there are */
export async function findReusable(client: Client, { project, inputs }: Asked): Promise<Reused[] | null> {
  const classes = await classesHere(client);
  if (classes === null) return null;
  const found: Reused[] = [];
  for (const [suite, hash] of inputs) {
    const cases = await client.reusableCases({ project, inputs: hash });
    found.push(
      ...reusedOf(
        suite,
        cases.filter(({ hw_class }) => classes.has(hw_class)),
      ),
    );
  }
  return found;
}

function reusedOf(suite: FoundSuite, cases: readonly ReusableCase[]): Reused[] {
  const wanted = new Map(suite.discovery.files.map(({ path }) => [posix.join(suite.suite, path), path]));
  const taken = new Map<string, string>();
  const tasks = new Map<string, Reused>();
  for (const each of cases) {
    const file = wanted.get(each.file);
    // On machines of several classes a file may have passed in several tasks: one of them is enough.
    if (file === undefined || (taken.get(file) ?? each.task_id) !== each.task_id) continue;
    taken.set(file, each.task_id);
    const { task_id, run_id, worker_id } = each;
    const task = tasks.get(task_id) ?? { suite, files: [], from: { run_id, task_id }, worker_id, cases: [] };
    tasks.set(task_id, task);
    if (!task.files.includes(file)) task.files.push(file);
    task.cases.push(each);
  }
  return [...tasks.values()];
}

const LOOK_MS = 100;
const WAIT_MS = 15_000;

async function classesHere(client: Client): Promise<ReadonlySet<string> | null> {
  for (const since = performance.now(); performance.now() - since < WAIT_MS; await delay(LOOK_MS)) {
    const online = (await client.workers()).filter(({ state }) => state === "online");
    if (online.length > 0) return new Set(online.map(({ hw_class }) => hw_class));
  }
  return null;
}

/** The suites without what is not run again. */
export function withoutReused(suites: readonly FoundSuite[], reused: readonly Reused[]): FoundSuite[] {
  return suites.map((suite) => {
    const gone = new Set(reused.filter((each) => each.suite === suite).flatMap(({ files }) => files));
    const files = suite.discovery.files.filter(({ path }) => !gone.has(path));
    return { ...suite, discovery: { ...suite.discovery, files } };
  });
}
