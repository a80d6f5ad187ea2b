/** Suites become tasks of one run: split by what is known of their files. */
import { DEFAULT_PRIORITY } from "../../core/index.ts";
import { expandMatrix, type TaskInput } from "../../protocol/index.ts";
import { usage } from "../errors.ts";
import type { BookTask } from "./run-book.ts";
import { splitFiles, type Group } from "./split.ts";
import type { FoundSuite } from "./suites.ts";

export interface TaskPlan {
  input: TaskInput;
  book: Omit<BookTask, "task_id">;
}

/** What holds for every task of a run. */
export interface SharedOptions {
  treeHash: string;
  retries: number;
  timeoutMs: number | null;
  env: Readonly<Record<string, string>>;
  artifacts: readonly string[];
}

export interface TaskOptions extends SharedOptions {
  slots: number;
  args: readonly string[];
  /** Expected milliseconds by file, for one suite. */
  durationsOf: (suite: FoundSuite) => ReadonlyMap<string, number>;
  /** Files that start before all others; empty when none does. */
  firstOf: (suite: FoundSuite) => ReadonlySet<string>;
  /** The hash of everything that the outcome of a suite hangs on. */
  inputsOf: (suite: FoundSuite) => string;
}

export function planTasks(suites: readonly FoundSuite[], options: TaskOptions): TaskPlan[] {
  const hasFirst = suites.some((suite) => suite.discovery.files.some(isFirst(suite, options)));
  return suites.flatMap((suite) => {
    const { files } = suite.discovery;
    const first = files.filter(isFirst(suite, options));
    const rest = files.filter((file) => !first.includes(file));
    // Later than the run's own first, and so than other tests of the yard as well: order has no other price.
    const later = hasFirst ? DEFAULT_PRIORITY.test + 1 : null;
    return [
      ...split(suite, first, { ...options, priority: null }),
      ...split(suite, rest, { ...options, priority: later }),
    ];
  });
}

function isFirst(suite: FoundSuite, options: TaskOptions): (file: { path: string }) => boolean {
  const first = options.firstOf(suite);
  return ({ path }) => first.has(path);
}

/** @param options.priority null: that of every test */
function split(
  suite: FoundSuite,
  files: readonly { path: string }[],
  options: TaskOptions & { priority: number | null },
): TaskPlan[] {
  const groups = splitFiles({
    files: files.map(({ path }) => path),
    durations: options.durationsOf(suite),
    slots: options.slots,
  });
  return groups.map((group) => taskOf(suite, group, options));
}

function taskOf(
  found: FoundSuite,
  { files, estimateMs }: Group,
  options: TaskOptions & { priority: number | null },
): TaskPlan {
  const { adapter, suite } = found;
  const name = nameOf(adapter.name, suite, files);
  const input: TaskInput = {
    type: "test",
    name,
    config: {
      adapter: adapter.name,
      suite,
      files,
      ...(options.args.length > 0 && { args: [...options.args] }),
      inputs: options.inputsOf(found),
    },
    ...(options.priority !== null && { priority: options.priority }),
    ...sharedFields(options),
    ...(estimateMs !== null && { estimate_seconds: estimateMs / 1000 }),
  };
  return { input, book: { name, framework: adapter.name, suite, estimateMs } };
}

function sharedFields(options: SharedOptions): Partial<TaskInput> {
  return {
    workspace: options.treeHash,
    ...(options.timeoutMs !== null && { timeout_seconds: options.timeoutMs / 1000 }),
    ...(options.retries > 0 && { retry_policy: { max_retries: options.retries } }),
    ...(Object.keys(options.env).length > 0 && { env: { ...options.env } }),
    ...(options.artifacts.length > 0 && { artifacts: [...options.artifacts] }),
  };
}

export interface GivenCommand {
  argv: string[];
  /** What it leaves: `tap`, `junit`, or a pattern of report files. null: its exit is all there is. */
  reads: string | null;
  /** Where it runs, relative to the workspace, POSIX. */
  cwd: string;
}

/** A command instead of suites: one task, with the cases that it reports. */
export function commandTask({ argv, reads, cwd }: GivenCommand, options: SharedOptions): TaskPlan {
  const name = argv.join(" ").slice(0, NAME_CHARS);
  const config = { command: argv, cwd, ...(reads !== null && { report: reads }) };
  const input: TaskInput = { type: "test", name, config, ...sharedFields(options) };
  return { input, book: { name, framework: null, suite: cwd, estimateMs: null } };
}

/** The same task for each combination, without `inputs`: no later run may take one for a plain task. */
export function timesMatrix(matrix: Readonly<Record<string, string[]>>): (plan: TaskPlan) => TaskPlan[] {
  return ({ input, book }) => {
    const { inputs: _, ...config } = input.config ?? {};
    const all = expandMatrix({ ...input, config, matrix }, book.name);
    if (!all.ok) throw usage(`--matrix: ${all.error.message}`);
    return all.tasks.map((task) => ({ input: task, book: { ...book, name: task.name ?? book.name } }));
  };
}

const NAME_CHARS = 200;

export function nameOf(framework: string, suite: string, files: readonly string[]): string {
  const first = files[0] ?? "";
  const path = suite === "." ? first : `${suite}/${first}`;
  const more = files.length > 1 ? ` +${files.length - 1}` : "";
  const room = NAME_CHARS - framework.length - more.length - 1;
  return `${framework} ${path.length > room ? `…${path.slice(path.length - room + 1)}` : path}${more}`;
}
