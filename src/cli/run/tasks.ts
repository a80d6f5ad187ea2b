/** Suites become tasks of one run: split by what is known of their files. */
import type { TaskInput } from "../../protocol/index.ts";
import type { BookTask } from "./run-book.ts";
import { splitFiles } from "./split.ts";
import type { FoundSuite } from "./suites.ts";

export interface TaskPlan {
  input: TaskInput;
  book: Omit<BookTask, "task_id">;
}

export interface PlanOptions {
  slots: number;
  treeHash: string;
  retries: number;
  timeoutMs: number | null;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  artifacts: readonly string[];
  /** Expected milliseconds by file, for one suite. */
  durationsOf: (suite: FoundSuite) => ReadonlyMap<string, number>;
}

export function planTasks(suites: readonly FoundSuite[], options: PlanOptions): TaskPlan[] {
  return suites.flatMap((suite) => {
    const groups = splitFiles({
      files: suite.discovery.files.map(({ path }) => path),
      durations: options.durationsOf(suite),
      slots: options.slots,
    });
    return groups.map(({ files, estimateMs }) => taskOf(suite, { files, estimateMs, options }));
  });
}

function taskOf(
  { adapter, suite }: FoundSuite,
  { files, estimateMs, options }: { files: string[]; estimateMs: number | null; options: PlanOptions },
): TaskPlan {
  const name = nameOf(adapter.name, suite, files);
  const input: TaskInput = {
    type: "test",
    name,
    config: {
      adapter: adapter.name,
      suite,
      files,
      ...(options.args.length > 0 && { args: [...options.args] }),
    },
    workspace: options.treeHash,
    ...(options.timeoutMs !== null && { timeout_seconds: options.timeoutMs / 1000 }),
    ...(options.retries > 0 && { retry_policy: { max_retries: options.retries } }),
    ...(Object.keys(options.env).length > 0 && { env: { ...options.env } }),
    ...(options.artifacts.length > 0 && { artifacts: [...options.artifacts] }),
    ...(estimateMs !== null && { estimate_seconds: estimateMs / 1000 }),
  };
  return { input, book: { name, framework: adapter.name, suite, estimateMs } };
}

const NAME_CHARS = 200;

function nameOf(framework: string, suite: string, files: readonly string[]): string {
  const first = files[0] ?? "";
  const path = suite === "." ? first : `${suite}/${first}`;
  const more = files.length > 1 ? ` +${files.length - 1}` : "";
  const room = NAME_CHARS - framework.length - more.length - 1;
  return `${framework} ${path.length > room ? `…${path.slice(path.length - room + 1)}` : path}${more}`;
}
