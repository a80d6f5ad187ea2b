/**
 * What the rest of the yard knows about a test framework: nothing but this interface.
 *
 * An adapter says which files a suite has, how to run some of them, and what the run left behind.
 * It never starts or watches the run itself: the worker does, so that timeouts, process trees and logs
 * are handled in one place for every framework. The price is that whatever an adapter wants to know
 * must be left in a file (`resultDir`) by a small reporter that the framework loads.
 */

export type CaseOutcome = "passed" | "failed" | "skipped" | "error";

export interface CaseResult {
  /** POSIX path relative to the suite root, "" when unknown. */
  file: string;
  /** Full case name: suites joined with " > "; for pytest what stands after the file in the node id. */
  name: string;
  parameters?: string;
  /** "error": it could not run (collection, setup) or its process ended under it. */
  outcome: CaseOutcome;
  duration_ms: number;
  /** First lines of the failure or the reason of a skip, at most 2 KiB. */
  message?: string;
  /** Traceback, at most 16 KiB. */
  detail?: string;
  /** Captured output where the framework keeps it per case, at most 16 KiB. */
  stdout?: string;
  stderr?: string;
  /** Failed tries before it passed, when the framework itself repeats a case. */
  retries?: number;
  /** It failed and was expected to (xfail, a failing todo). */
  expected_failure?: true;
}

/** A case by what identifies it, as in `CaseResult`. */
export interface CaseRef {
  file: string;
  name: string;
  parameters?: string;
}

export interface SuiteProblem {
  file: string;
  message: string;
}

export interface SuiteResult {
  cases: CaseResult[];
  /** Files that did not load. Each is in `cases` too, as an "error", so that it is never nothing. */
  problems: SuiteProblem[];
}

export interface TestCommand {
  argv: string[];
  /** Added to the task's environment. */
  env: Record<string, string>;
  /** Relative to the suite root the adapter was given, POSIX; "." is the suite root. */
  cwd: string;
}

export interface DiscoveredFile {
  path: string;
  cases?: string[];
}

export interface Discovery {
  files: DiscoveredFile[];
  problems: SuiteProblem[];
  /** What will run the suite, for people: path and version. */
  interpreter?: string;
}

export interface ProcessExit {
  code: number | null;
  signal: string | null;
  timedOut: boolean;
}

export type RunProcess = (
  argv: string[],
  options: { cwd: string; env?: Record<string, string>; timeout_ms: number },
) => Promise<{ code: number | null; stdout: string; stderr: string }>;

export interface DiscoverOptions {
  root: string;
  patterns?: string[];
  args?: string[];
  run: RunProcess;
}

export interface CommandOptions {
  root: string;
  files: string[];
  args?: string[];
  /** Only these cases of the files; an adapter that cannot choose runs more (see `onlyCases`). */
  cases?: readonly CaseRef[];
  /** An empty directory outside the workspace, where reports go. */
  resultDir: string;
  run: RunProcess;
}

export interface ParseOptions {
  root: string;
  files: string[];
  resultDir: string;
  exit: ProcessExit;
  logTail: string;
}

export type AdapterName =
  | "pytest"
  | "node-test"
  | "vitest"
  | "jest"
  | "playwright"
  | "mocha"
  | "go-test"
  | "cargo-test"
  | "junit"
  | "tap"
  | "command";

export interface Adapter {
  name: AdapterName;
  /** It can run single cases. Without, the whole command runs again and all that it reports counts. */
  runsCases: boolean;
  /** Does this suite root use the framework? With evidence, e.g. "package.json devDependencies.vitest". */
  detect(root: string): Promise<{ evidence: string } | null>;
  /** The files to run, POSIX, relative to root. Collection errors are reported, not swallowed. */
  discover(options: DiscoverOptions): Promise<Discovery>;
  command(options: CommandOptions): Promise<TestCommand>;
  /** Never throws: what cannot be read becomes an "error" case that says so. */
  parse(options: ParseOptions): Promise<SuiteResult>;
  /** The name of the case that has to run for the named one to be seen, where it is none by itself. */
  carrier?: (name: string) => string;
}

/** The name of the case that stands for a whole file: it failed to load, or the framework counts it so. */
export const FILE_CASE = "(file)";
/** The name of the case that stands for the whole process. */
export const RUN_CASE = "(run)";
/** The last part of the name of what is wrong with a whole group (its hooks), which has no case by itself. */
export const GROUP_CASE = "(group)";
/** Where a runner may leave the whole standard output in `resultDir`, for formats printed there. */
export const STDOUT_FILE = "stdout.log";
