/**
 * vitest: listed and run by the project's own copy under its own configuration, projects included.
 */
import { mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
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
import {
  blameExit,
  describeExit,
  firstLines,
  nothingLeft,
  problemCase,
  relativePosix,
  tailOf,
} from "./bounds.ts";
import { fitsCommandLine, namedCases, titlePattern } from "./cases.ts";
import { list, readJsonLines, record, text } from "./json-lines.ts";
import { readPackage } from "./package-json.ts";
import { chosenOf, expandPatterns, globFiles, NEVER_SEARCHED } from "./patterns.ts";
import type { VitestBinary } from "./vitest-binary.ts";
import { findVitest } from "./vitest-binary.ts";
import type { VitestReport } from "./vitest-report.ts";
import { foldVitest } from "./vitest-report.ts";
import { VITEST_REPORT_FILE, VITEST_REPORTER_FILE, vitestReporter } from "./vitest-reporter.ts";

const LIST_TIMEOUT_MS = 5 * 60_000;
const MISSING = "vitest is in no node_modules from the suite root upwards and not on PATH; run npm install";

export const vitestAdapter: Adapter = {
  name: "vitest",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  const configs = ["vitest.config.{js,mjs,cjs,ts,mts,cts}", "vitest.workspace.{js,mjs,cjs,ts,mts,cts,json}"];
  const [config] = await globFiles(root, configs);
  if (config !== undefined) return { evidence: config };
  const facts = await readPackage(root);
  const dependency = facts?.dependencies.get("vitest");
  if (dependency !== undefined) return { evidence: `package.json ${dependency}` };
  const script = Object.entries(facts?.scripts ?? {}).find(([, line]) =>
    /(?:^|[\s/])vitest(?:\s|$)/.test(line),
  );
  return script === undefined ? null : { evidence: `package.json scripts.${script[0]}` };
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const vitest = await findVitest(options.root);
  if (vitest === null) return { files: [], problems: [{ file: "", message: MISSING }] };
  const listed = await listFiles(options, vitest);
  const chosen = await expandPatterns(options.root, options.patterns ?? []);
  const wanted = options.patterns?.length ? chosenOf(listed.files, chosen) : listed.files;
  return {
    files: wanted.map((path) => ({ path })),
    problems: [...chosen.problems, ...listed.problems],
    interpreter: `vitest ${vitest.version}${vitest.found === "PATH" ? " from PATH" : ""}`,
  };
}

async function listFiles(
  options: DiscoverOptions,
  vitest: VitestBinary,
): Promise<{ files: string[]; problems: Discovery["problems"] }> {
  if (!canList(vitest.version)) return { files: await defaultFiles(options.root), problems: [] };
  const folder = await mkdtemp(join(tmpdir(), "testyard-list-"));
  try {
    const output = join(folder, "files.json");
    const argv = ["node", vitest.path, "list", "--filesOnly", `--json=${output}`, ...(options.args ?? [])];
    const ended = await options.run(argv, { cwd: options.root, timeout_ms: LIST_TIMEOUT_MS });
    const files = await readList(options.root, output);
    if (files !== null && ended.code === 0) return { files, problems: [] };
    const said = tailOf(`${ended.stdout}\n${ended.stderr}`);
    const message = firstLines(`vitest list exited with ${ended.code}: ${said}`);
    return { files: files ?? [], problems: [{ file: "", message }] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `list --filesOnly` came with 2.2 betas, that is for users with 3. */
function canList(version: string): boolean {
  return Number(version.split(".")[0]) >= 3;
}

/** What vitest includes when nothing is configured. */
function defaultFiles(root: string): Promise<string[]> {
  const ignore = [...NEVER_SEARCHED, "**/dist/**", "**/cypress/**", "**/.{idea,cache,output,temp}/**"];
  return globFiles(root, ["**/*.{test,spec}.?(c|m)[jt]s?(x)"], ignore);
}

async function readList(root: string, path: string): Promise<string[] | null> {
  try {
    const real = await realpath(root);
    const entries: unknown = JSON.parse(await readFile(path, "utf8"));
    const files = list(entries).map((entry) => text(record(entry)?.["file"]));
    return [...new Set(files.filter((file) => file !== "").map((file) => relativePosix(real, file)))].sort();
  } catch {
    return null;
  }
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const reporter = join(options.resultDir, VITEST_REPORTER_FILE);
  await writeFile(reporter, vitestReporter(join(options.resultDir, VITEST_REPORT_FILE)));
  const vitest = await findVitest(options.root);
  const real = await realpath(options.root).catch(() => options.root);
  const before = [
    // Without any vitest the run fails with npx's or the shell's words, which the parser hands on.
    ...(vitest === null ? ["vitest"] : ["node", vitest.path]),
    "run",
    "--reporter=default",
    `--reporter=${reporter}`,
    ...(options.args ?? []),
  ];
  const named = namedCases(options.cases);
  const chosen = named === null ? [] : ["--testNamePattern", titlePattern(named)];
  const files = options.files.map((file) => resolve(real, file));
  const argv = [...before, ...chosen, ...files];
  return { argv: fitsCommandLine(argv) ? argv : [...before, ...files], env: {}, cwd: "." };
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, VITEST_REPORT_FILE));
  if (records === null || records.length === 0) return nothingLeft(options, "vitest did not start");
  const root = await realpath(options.root).catch(() => options.root);
  const report = foldVitest(records, { root, files: options.files, why: describeExit(options.exit) });
  const result = { cases: report.cases, problems: report.problems };
  addMissing(result, { report, parse: options });
  return report.strangersFailed ? result : blameExit(result, options);
}

/** A file asked for that vitest never took up: unknown to it, or the run ended before. */
function addMissing(result: SuiteResult, from: { report: VitestReport; parse: ParseOptions }): void {
  const { report, parse: options } = from;
  if (options.exit.code === 0 || (report.finished && report.bail)) return;
  for (const file of options.files) {
    if (report.seen.has(file)) continue;
    const why = report.finished
      ? "vitest did not run this file"
      : `${describeExit(options.exit)} before this file ran`;
    const problem = { file, message: why };
    result.problems.push(problem);
    result.cases.push(problemCase(problem, tailOf(options.logTail)));
  }
}
