/**
 * pytest: asked for its own collection, run by the suite's own interpreter, reported case by case.
 *
 * `python -m pytest` is the form that is run (it puts the suite root on sys.path, which a suite started
 * by plain `pytest` does not notice in practice). One option of ours can change a run on purpose:
 * `--continue-on-collection-errors`, because without it one broken file would hide the results of
 * whatever other files happen to share its task.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  Adapter,
  CommandOptions,
  DiscoverOptions,
  Discovery,
  ParseOptions,
  SuiteResult,
} from "./adapter.ts";
import { blameExit, describeExit, firstLines, nothingLeft, problemCase, tailOf } from "./bounds.ts";
import { fitsCommandLine, isWhole } from "./cases.ts";
import { readJsonLines } from "./json-lines.ts";
import { readPackage } from "./package-json.ts";
import { expandPatterns, globFiles } from "./patterns.ts";
import { pinnedConfig, pytestConfigIn } from "./pytest-config.ts";
import type { Python } from "./pytest-interpreter.ts";
import { findPython } from "./pytest-interpreter.ts";
import { PYTEST_LISTER, PYTEST_PLUGIN, PYTEST_PLUGIN_FILE, PYTEST_REPORT_FILE } from "./pytest-plugin.ts";
import type { PytestReport } from "./pytest-report.ts";
import { foldPytest, isStart } from "./pytest-report.ts";

const COLLECT_TIMEOUT_MS = 10 * 60_000;
const NO_TESTS_COLLECTED = 5;

export const pytestAdapter: Adapter = {
  name: "pytest",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
  carrier,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  const config = await pytestConfigIn(root);
  if (config !== null) return { evidence: config };
  const search = ["test_*.py", "*_test.py", "conftest.py", "{test,tests}/**/{test_*,*_test,conftest}.py"];
  const [first] = await globFiles(root, search, ["**/node_modules/**", "**/{.venv,venv,site-packages}/**"]);
  // A Python test inside a JavaScript project is more often a fixture than the suite.
  if (first === undefined || (await readPackage(root)) !== null) return null;
  return { evidence: first };
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const { python, tried } = await findPython(options.root, options.run);
  if (python === null) return { files: [], problems: [{ file: "", message: noPython(tried) }] };
  const chosen = await expandPatterns(options.root, options.patterns ?? []);
  const listed: Discovery = { files: [], problems: chosen.problems, interpreter: python.description };
  if ((options.patterns ?? []).length > 0 && chosen.paths.length === 0) return listed;
  const collected = await collect(options, { python, paths: chosen.paths });
  return { ...listed, files: collected.files, problems: [...chosen.problems, ...collected.problems] };
}

function noPython(tried: readonly string[]): string {
  const list = tried.length > 0 ? ` (${tried.join("; ")})` : "";
  return `no Python with pytest found${list}; make a .venv in the suite with pytest in it, or install pytest`;
}

async function collect(
  options: DiscoverOptions,
  asked: { python: Python; paths: string[] },
): Promise<Discovery> {
  const folder = await mkdtemp(join(tmpdir(), "testyard-collect-"));
  try {
    const where = { python: asked.python.path, folder, files: asked.paths };
    const argv = await pytestArgv(options, { ...where, plugin: PYTEST_LISTER });
    const ended = await options.run([...argv, "--collect-only", "-qq"], {
      cwd: options.root,
      timeout_ms: COLLECT_TIMEOUT_MS,
    });
    const records = (await readJsonLines(join(folder, PYTEST_REPORT_FILE))) ?? [];
    const output = `${ended.stdout}\n${ended.stderr}`;
    const report = foldPytest([...records, { kind: "finish", status: ended.code }], "collection ended");
    const problems = report.internal ? [{ file: "", message: firstLines(report.internal) }] : report.problems;
    if (problems.length === 0 && !(isStart(records) && [0, NO_TESTS_COLLECTED].includes(ended.code ?? -1))) {
      problems.push({
        file: "",
        message: `pytest --collect-only exited with ${ended.code}: ${lastLines(output)}`,
      });
    }
    return { files: [...report.files].map((path) => ({ path })), problems };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function lastLines(output: string): string {
  return firstLines(tailOf(output).split("\n").slice(-12).join("\n"));
}

async function pytestArgv(
  options: { root: string; args?: string[] },
  where: { python: string; folder: string; files: string[]; plugin: string },
): Promise<string[]> {
  const plugin = join(where.folder, PYTEST_PLUGIN_FILE);
  await writeFile(plugin, where.plugin);
  return [
    where.python,
    plugin,
    "--continue-on-collection-errors",
    ...(await pinnedConfig(options.root, where.files)),
    ...(options.args ?? []),
    ...where.files,
  ];
}

async function command(
  options: CommandOptions,
): Promise<{ argv: string[]; env: Record<string, string>; cwd: string }> {
  const { python } = await findPython(options.root, options.run);
  // Without any pytest the run fails with Python's own words, which the parser then hands on.
  const where = { python: python?.path ?? "python3", folder: options.resultDir, plugin: PYTEST_PLUGIN };
  const argv = await pytestArgv(options, { ...where, files: nodeIds(options) });
  if (fitsCommandLine(argv)) return { argv, env: {}, cwd: "." };
  return { argv: await pytestArgv(options, { ...where, files: options.files }), env: {}, cwd: "." };
}

/** Node ids where cases are named; a `[` in a path would be taken for the parameters of a test. */
function nodeIds(options: CommandOptions): string[] {
  const cases = options.cases ?? [];
  const whole = options.files.filter(
    (file) => file.includes("[") || !cases.some((each) => each.file === file && !isWhole(each)),
  );
  if (cases.some((each) => each.file === "") || whole.length === options.files.length) return options.files;
  for (const each of cases) if (isWhole(each) && !whole.includes(each.file)) whole.push(each.file);
  const ids = cases
    .filter((each) => !whole.includes(each.file) && options.files.includes(each.file))
    .map((each) => `${each.file}::${carrier(each.name)}`);
  return [...new Set([...whole, ...ids])];
}

/**
 * A subtest (`test_x [message] (i=1)`) runs with its test. With parameters as well it cannot be told from
 * a test with odd parameters, so then all parameters of the test run.
 */
function carrier(name: string): string {
  const bracket = name.indexOf("[");
  const subtest = name.search(/ [[(]/);
  if (subtest >= 0 && (bracket < 0 || subtest < bracket)) return name.slice(0, subtest);
  return /\] [[(]/.test(name) ? name.slice(0, bracket) : name;
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, PYTEST_REPORT_FILE));
  if (records === null || !isStart(records)) return nothingLeft(options, "pytest did not start");
  const report = foldPytest(records, describeExit(options.exit));
  const result = { cases: report.cases, problems: report.problems };
  if (report.internal !== null)
    addProblem(result, { message: "pytest failed inside", detail: report.internal });
  if (report.status === null && result.cases.length === 0)
    return nothingLeft(options, "pytest collected nothing");
  return isEmptyRun(report, options) ? result : blameExit(result, options);
}

function addProblem(result: SuiteResult, problem: { message: string; detail: string }): void {
  const message = `${problem.message}: ${problem.detail.trim().split("\n").at(-1) ?? ""}`;
  result.problems.push({ file: "", message: firstLines(message) });
  result.cases.push(problemCase({ file: "", message }, problem.detail));
}

/** "No tests collected" (everything deselected, an empty file) is no failure of the files. */
function isEmptyRun(report: PytestReport, options: ParseOptions): boolean {
  return report.status === NO_TESTS_COLLECTED && options.exit.code === NO_TESTS_COLLECTED;
}
