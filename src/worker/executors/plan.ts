/**
 * What a task's configuration asks to be run. Pure: the same configuration is the same plan on every worker.
 *
 *     {adapter: "pytest", suite: "py", files: ["tests/test_a.py"], args: ["-k", "fast"]}
 *     {adapter: "pytest", suite: "py", cases: [{file: "tests/test_a.py", name: "test_x[1]"}]}
 *     {command: ["make", "test"], cwd: "lib", report: "out/*.xml"}
 *     {shell: "make test | tee log", cwd: "lib"}
 *     {test_file: "tests/test_a.py", test_args: ["-x"]}
 *
 * What cannot be run as it is written is a failure of the task, with a reason, and not of the worker: another
 * worker would read the same.
 */
import { posix } from "node:path";
import { filesOfCases } from "../../adapters/index.ts";
import type { CaseRef } from "../../adapters/index.ts";
import type { TaskType } from "../../core/index.ts";
import { labelOf } from "../../protocol/index.ts";

export interface RunPlan {
  kind: "run";
  /** Where it runs, relative to the workspace or absolute. */
  folder: string;
  /** `detect`: by what is in the folder. null: a plain command, which has no cases. */
  adapter: string | null;
  files: string[];
  /** Only these cases of the files; empty: all. */
  cases: CaseRef[];
  /** For the framework, or the whole command of an adapter that is given one. */
  args: string[];
  /** The command of a plan without an adapter. */
  argv: string[];
  /** The combination of a matrix that this is, in words; "" for none. */
  variant: string;
  /** Which reports count, as a pattern within the folder. null: those that the adapter finds. */
  report: string | null;
}

export type Plan = RunPlan | { kind: "refused"; code: string; message: string };

/** The adapters that are given their command instead of making it. */
const GIVEN_COMMAND = ["junit", "tap", "command"];
const MAX_WORDS = 10_000;
const MAX_CASES = 100_000;
const SUITE_FIELDS = ["adapter", "files", "test_file"];

export function isGivenCommand(adapter: string | null): boolean {
  return adapter === null || GIVEN_COMMAND.includes(adapter);
}

export function planOf(type: TaskType, config: Record<string, unknown>): Plan {
  const command = givenCommand(config);
  if (command !== null && "kind" in command) return command;
  const wrong = firstWrong(config);
  if (wrong !== null) return refused("config_invalid", wrong);
  const isSuite = SUITE_FIELDS.some((field) => config[field] !== undefined);
  if (isSuite || (config["cases"] !== undefined && command === null)) {
    return testPlan(config, command?.argv ?? []);
  }
  if (command !== null) return commandPlan(type, config, command.argv);
  if (type === "benchmark" && config["model"] !== undefined) {
    const message =
      "benchmarks of a model by name cannot be run by this version; give the benchmark as a command";
    return refused("model_benchmark_unavailable", message);
  }
  const message =
    'nothing to run: give config.command (["make", "test"]), config.shell ("make test") or config.adapter';
  return refused("config_invalid", message);
}

function givenCommand(
  config: Record<string, unknown>,
): { argv: string[] } | Extract<Plan, { kind: "refused" }> | null {
  const { command, shell } = config;
  if (command !== undefined && shell !== undefined)
    return refused("config_invalid", "give command or shell, not both");
  if (shell !== undefined) {
    if (typeof shell !== "string" || shell.trim() === "")
      return refused("config_invalid", "config.shell is a text");
    return {
      argv: process.platform === "win32" ? ["cmd.exe", "/d", "/s", "/c", shell] : ["/bin/sh", "-c", shell],
    };
  }
  if (command === undefined) return null;
  if (!isWords(command) || command[0] === undefined || command[0] === "") {
    return refused(
      "config_invalid",
      'config.command is a list of words, ["make", "test"]; for a line of text use config.shell',
    );
  }
  return { argv: command };
}

function testPlan(config: Record<string, unknown>, argv: string[]): Plan {
  const { folder, files } = placeOf(config);
  const args = [...wordsOf(config["args"]), ...wordsOf(config["test_args"])];
  const adapter = textOf(config["adapter"]) ?? (argv.length > 0 ? "command" : "detect");
  const isGiven = isGivenCommand(adapter);
  if (!isGiven && argv.length > 0)
    return refused(
      "config_invalid",
      `the ${adapter} adapter makes its own command; leave config.command out`,
    );
  const words = isGiven && argv.length > 0 ? [...argv, ...args] : args;
  const cases = casesOf(config["cases"]) ?? [];
  return {
    kind: "run",
    folder,
    adapter,
    files: cases.length > 0 && !isGiven ? (filesOfCases(cases) ?? files) : files,
    cases,
    args: words,
    argv: [],
    variant: variantOf(config),
    report: textOf(config["report"]),
  };
}

function commandPlan(type: TaskType, config: Record<string, unknown>, argv: string[]): Plan {
  const report = textOf(config["report"]);
  const adapter = report !== null ? reportAdapter(report) : type === "test" ? "command" : null;
  const pattern = report === "tap" || report === "junit" ? null : report;
  return {
    kind: "run",
    folder: folderOf(config),
    adapter,
    files: [],
    cases: [],
    args: argv,
    argv,
    variant: variantOf(config),
    report: pattern,
  };
}

/**
 * `tap` and `junit` name a format; anything else is a pattern of files, JUnit XML unless it ends in `.tap`.
 */
function reportAdapter(report: string): string {
  return report === "tap" || report.endsWith(".tap") ? "tap" : "junit";
}

function variantOf({ matrix }: Record<string, unknown>): string {
  return typeof matrix === "object" && matrix !== null ? labelOf({ ...matrix }) : "";
}

function folderOf(config: Record<string, unknown>): string {
  return textOf(config["suite"]) ?? textOf(config["cwd"]) ?? ".";
}

/** A test file by an absolute path is run in its own folder, as one would run it by hand. */
function placeOf(config: Record<string, unknown>): { folder: string; files: string[] } {
  const more = wordsOf(config["files"]);
  const file = textOf(config["test_file"]);
  if (file === null) return { folder: folderOf(config), files: more };
  const hasFolder = config["suite"] !== undefined || config["cwd"] !== undefined;
  if (hasFolder || !posix.isAbsolute(file)) return { folder: folderOf(config), files: [file, ...more] };
  return { folder: posix.dirname(file), files: [posix.basename(file), ...more] };
}

function firstWrong(config: Record<string, unknown>): string | null {
  for (const name of ["adapter", "suite", "cwd", "report", "test_file"]) {
    const value = config[name];
    if (value !== undefined && (typeof value !== "string" || value === "")) return `config.${name} is a text`;
  }
  for (const name of ["files", "args", "test_args"]) {
    const value = config[name];
    const isText = typeof value === "string" && name === "test_args";
    if (value !== undefined && !isText && !isWords(value)) return `config.${name} is a list of texts`;
  }
  if (config["cases"] !== undefined && casesOf(config["cases"]) === null)
    return `config.cases is a list of up to ${MAX_CASES} objects {file, name, parameters?} of texts`;
  return null;
}

function casesOf(value: unknown): CaseRef[] | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_CASES) return null;
  const cases = value.map(caseOf);
  return cases.every((each) => each !== null) ? cases : null;
}

function caseOf(value: unknown): CaseRef | null {
  if (typeof value !== "object" || value === null) return null;
  const { file, name, parameters, ...rest } = value as Record<string, unknown>;
  if (typeof file !== "string" || typeof name !== "string" || name === "") return null;
  if (parameters !== undefined && typeof parameters !== "string") return null;
  if (Object.keys(rest).length > 0) return null;
  return { file, name, ...(parameters !== undefined && { parameters }) };
}

function isWords(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= MAX_WORDS && value.every((word) => typeof word === "string");
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** A list, or a line as one types it: `-k "a b" --fast`. */
function wordsOf(value: unknown): string[] {
  if (isWords(value)) return value;
  if (typeof value !== "string") return [];
  return [...value.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? "",
  );
}

function refused(code: string, message: string): Extract<Plan, { kind: "refused" }> {
  return { kind: "refused", code, message };
}
