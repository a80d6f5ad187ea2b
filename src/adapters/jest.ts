/**
 * jest: listed and run by the project's own copy under its own configuration, projects included.
 *
 * From the package.json script come `NODE_OPTIONS` and options such as `--config`. Coverage is turned off
 * unless asked for: a threshold for the whole suite cannot be met by the part of it that one task runs.
 */
import { realpath, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type {
  Adapter,
  CommandOptions,
  DiscoverOptions,
  Discovery,
  ParseOptions,
  SuiteResult,
  TestCommand,
} from "./adapter.ts";
import { firstLines, relativePosix, tailOf } from "./bounds.ts";
import { fitsCommandLine, namedCases, titlePattern } from "./cases.ts";
import { JEST_REPORT_FILE, JEST_REPORTER_FILE, jestReporter } from "./jest-reporter.ts";
import { list, readJsonLines, text } from "./json-lines.ts";
import { foldLines } from "./line-report.ts";
import { findNodePackage } from "./node-package.ts";
import { readPackage } from "./package-json.ts";
import { chosenOf, expandPatterns, globFiles } from "./patterns.ts";
import type { ProjectScript } from "./project-script.ts";
import { projectScript, splitWords } from "./project-script.ts";

const LIST_TIMEOUT_MS = 5 * 60_000;
const ENTRY = "bin/jest.js";
const MISSING = "jest is in no node_modules from the suite root upwards; run npm install";

export const jestAdapter: Adapter = {
  name: "jest",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  const [config] = await globFiles(root, ["jest.config.{js,mjs,cjs,ts,mts,cts,json}"]);
  if (config !== undefined) return { evidence: config };
  const facts = await readPackage(root);
  if (facts?.fields.has("jest")) return { evidence: "package.json jest" };
  const script = await jestScript(root);
  if (script !== null) return { evidence: `package.json scripts.${script.script}` };
  const dependency = facts?.dependencies.get("jest");
  return dependency === undefined ? null : { evidence: `package.json ${dependency}` };
}

function jestScript(root: string): Promise<ProjectScript | null> {
  return projectScript(root, /^jest(?:\.js)?$/);
}

const RULES = {
  withValue: new Set(
    (
      "-c --config --rootDir --roots --env --testEnvironment --maxWorkers -w --testTimeout --setupFiles " +
      "--setupFilesAfterEnv --globalSetup --globalTeardown --projects --selectProjects --ignoreProjects " +
      "--testMatch --testRegex --testPathIgnorePatterns --testRunner --transform --preset -t " +
      "--workerIdleMemoryLimit --testNamePattern --outputFile --reporters --shard --coverageReporters " +
      "--coverageDirectory --collectCoverageFrom --coverageProvider --testSequencer"
    ).split(" "),
  ),
  ours: new RegExp(
    "^(?:-o$|--ci(?:=|$)|--(?:watch|coverage|collectCoverage|reporters|shard|json|outputFile|listTests|only" +
      "|changed|lastCommit|related|findRelated))",
  ),
};

interface Jest {
  argv: string[];
  env: Record<string, string>;
  version: string;
  /** Parts of paths that the script narrows the run to. */
  targets: string[];
}

async function jestOf(root: string): Promise<Jest | null> {
  const found = await findNodePackage(root, { names: ["jest", "jest-cli"], entry: ENTRY });
  if (found === null) return null;
  const script = await jestScript(root);
  const { flags, targets } = splitWords(script?.words ?? [], RULES);
  const argv = ["node", ...(script?.nodeFlags ?? []), join(found.folder, ENTRY), ...flags];
  return { argv, env: script?.env ?? {}, version: found.version, targets: targets.map((each) => each.text) };
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const jest = await jestOf(options.root);
  if (jest === null) return { files: [], problems: [{ file: "", message: MISSING }] };
  const narrowed = options.patterns?.length ? [] : jest.targets;
  const argv = [...jest.argv, "--listTests", "--json", ...(options.args ?? []), ...narrowed];
  const { root } = options;
  const ended = await options.run(argv, { cwd: root, env: jest.env, timeout_ms: LIST_TIMEOUT_MS });
  const listed = await listedFiles(root, ended.stdout);
  const chosen = await expandPatterns(root, options.patterns ?? []);
  const wanted = options.patterns?.length ? chosenOf(listed ?? [], chosen) : (listed ?? []);
  const said = tailOf(`${ended.stdout}\n${ended.stderr}`);
  const message = firstLines(`jest --listTests exited with ${ended.code}: ${said}`);
  return {
    files: wanted.map((path) => ({ path })),
    problems: [...chosen.problems, ...(listed === null ? [{ file: "", message }] : [])],
    interpreter: `jest ${jest.version} in ${relativePosix(root, jest.argv.find(isEntry) ?? "")}`,
  };
}

function isEntry(word: string): boolean {
  return word.endsWith(ENTRY);
}

/** A configuration may print before the list. */
async function listedFiles(root: string, stdout: string): Promise<string[] | null> {
  const line = stdout.split("\n").findLast((each) => each.startsWith("["));
  try {
    const real = await realpath(root);
    const paths = list(JSON.parse(line ?? "")).map(text);
    return [...new Set(paths.map((path) => relativePosix(real, path)))].sort();
  } catch {
    return null;
  }
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const reporter = join(options.resultDir, JEST_REPORTER_FILE);
  await writeFile(reporter, jestReporter(join(options.resultDir, JEST_REPORT_FILE)));
  const jest = await jestOf(options.root);
  const args = options.args ?? [];
  const before = [
    // Without any jest the run fails with the system's words, which the parser hands on.
    ...(jest?.argv ?? ["jest"]),
    ...(args.some((word) => /^--(?:coverage|collectCoverage)\b/.test(word)) ? [] : ["--coverage=false"]),
    "--reporters=default",
    `--reporters=${reporter}`,
    ...args,
  ];
  const real = await realpath(options.root).catch(() => options.root);
  const named = namedCases(options.cases);
  const chosen = named === null ? [] : [`--testNamePattern=${titlePattern(named)}`];
  const files = options.files.map((file) => resolve(real, file));
  const paths = files.length > 0 ? ["--runTestsByPath", ...files] : [];
  const argv = [...before, ...chosen, ...paths];
  return { argv: fitsCommandLine(argv) ? argv : [...before, ...paths], env: jest?.env ?? {}, cwd: "." };
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, JEST_REPORT_FILE));
  const root = await realpath(options.root).catch(() => options.root);
  return foldLines(records, { root, parse: options, framework: "jest" });
}
