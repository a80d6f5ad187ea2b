/**
 * node:test, run by the `node` that the suite finds on its PATH, with the flags of the project's own script.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type {
  Adapter,
  CommandOptions,
  DiscoverOptions,
  Discovery,
  ParseOptions,
  RunProcess,
  SuiteResult,
  TestCommand,
} from "./adapter.ts";
import { blameExit, describeExit, nothingLeft, problemCase } from "./bounds.ts";
import { escapeRegExp, fitsCommandLine, groupOf, namedCases } from "./cases.ts";
import { readJsonLines } from "./json-lines.ts";
import { expandFolders, nodeTestFiles } from "./node-test-files.ts";
import { NODE_REPORT_FILE, NODE_REPORTER, NODE_REPORTER_FILE } from "./node-test-reporter.ts";
import { foldNodeTest } from "./node-test-report.ts";
import type { NodeTestScript } from "./node-test-script.ts";
import { nodeTestScript } from "./node-test-script.ts";
import { exists, expandPatterns } from "./patterns.ts";

const VERSION_TIMEOUT_MS = 30_000;

export const nodeTestAdapter: Adapter = {
  name: "node-test",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  const script = await nodeTestScript(root);
  return script === null ? null : { evidence: `package.json scripts.${script.script}` };
}

interface Version {
  text: string;
  major: number;
  minor: number;
}

async function nodeVersion(root: string, run: RunProcess): Promise<Version | null> {
  const asked = await run(["node", "--version"], { cwd: root, timeout_ms: VERSION_TIMEOUT_MS }).catch(
    () => null,
  );
  const match = /^v(\d+)\.(\d+)\.\S+/.exec(asked?.stdout ?? "");
  return match ? { text: match[0], major: Number(match[1]), minor: Number(match[2]) } : null;
}

/** Newer Node takes TypeScript files into its default search. */
function readsTypeScript(version: Version | null, script: NodeTestScript | null): boolean {
  if (script?.flags.includes("--experimental-strip-types")) return true;
  const { major, minor } = version ?? { major: 20, minor: 0 };
  return major > 23 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const version = await nodeVersion(options.root, options.run);
  if (version === null) return { files: [], problems: [{ file: "", message: "no node found on PATH" }] };
  const script = await nodeTestScript(options.root);
  const typescript = readsTypeScript(version, script);
  const found = options.patterns?.length
    ? await chosenFiles(options.root, options.patterns, { typescript })
    : await nodeTestFiles(options.root, script?.targets ?? [], { typescript });
  const files = found.files.map((path) => ({ path }));
  return { files, problems: found.problems, interpreter: `node ${version.text}` };
}

async function chosenFiles(
  root: string,
  patterns: readonly string[],
  options: { typescript: boolean },
): Promise<Pick<Discovery, "problems"> & { files: string[] }> {
  const { paths, problems } = await expandPatterns(root, patterns);
  return { files: await expandFolders(root, paths, options), problems };
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const reporter = join(options.resultDir, NODE_REPORTER_FILE);
  await writeFile(reporter, NODE_REPORTER);
  const script = await nodeTestScript(options.root);
  const before = [
    await runnerPath(options.root, script),
    ...(script?.flags ?? []),
    "--test",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${pathToFileURL(reporter).href}`,
    "--test-reporter-destination=stdout",
    ...(options.args ?? []),
  ];
  const files = await literalFiles(options);
  const argv = [...before, ...(await chosenCases(options)), ...files];
  const env = script?.env ?? {};
  return { argv: fitsCommandLine(argv) ? argv : [...before, ...files], env, cwd: "." };
}

/**
 * Node up to 22 compares a pattern with a test's own title and takes its subtests along; later versions
 * compare the titles of its groups and its own, joined with blanks, too. A group needs no pattern in either.
 */
async function chosenCases(options: CommandOptions): Promise<string[]> {
  const named = namedCases(options.cases);
  if (named === null) return [];
  const version = await nodeVersion(options.root, options.run);
  const byPath = (version?.major ?? 20) > 22;
  const patterns = named.map(({ name }) => {
    const titles = (groupOf(name) ?? name).split(" > ");
    return `^${escapeRegExp(byPath ? titles.join(" ") : (titles.at(-1) ?? ""))}$`;
  });
  return [...new Set(patterns)].map((pattern) => `--test-name-pattern=${pattern}`);
}

async function runnerPath(root: string, script: NodeTestScript | null): Promise<string> {
  if (script?.runner !== "tsx") return "node";
  const local = join(root, "node_modules", ".bin", "tsx");
  return (await exists(local)) ? local : "tsx";
}

/** Node 21 and later read file arguments as globs, so `[id].test.js` has to be written differently there. */
async function literalFiles(options: CommandOptions): Promise<string[]> {
  if (!options.files.some((file) => /[*?[\]{}()!]/.test(file))) return options.files;
  const version = await nodeVersion(options.root, options.run);
  if ((version?.major ?? 20) < 21) return options.files;
  return options.files.map((file) => file.replace(/[*?[{(]/g, "[$&]"));
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, NODE_REPORT_FILE));
  if (records === null || records.length === 0) return nothingLeft(options, "node --test did not start");
  const report = foldNodeTest(records, { root: options.root, why: describeExit(options.exit) });
  const result = { cases: report.cases, problems: report.problems };
  if (!report.finished) addUnseen(result, options);
  return blameExit(result, options);
}

function addUnseen(result: SuiteResult, options: ParseOptions): void {
  for (const file of options.files) {
    if (result.cases.some((each) => each.file === file)) continue;
    const problem = { file, message: `${describeExit(options.exit)} before this file was started` };
    result.problems.push(problem);
    result.cases.push(problemCase(problem));
  }
}
