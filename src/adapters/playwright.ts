/**
 * Playwright Test: listed and run by the project's own copy under its own configuration. A case of several
 * projects (browsers) is told apart by its project. Files of projects that others depend on run whenever
 * Playwright finds it necessary, and count only in the task that was given them.
 */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type {
  Adapter,
  CaseRef,
  CommandOptions,
  DiscoveredFile,
  DiscoverOptions,
  Discovery,
  ParseOptions,
  SuiteProblem,
  SuiteResult,
  TestCommand,
} from "./adapter.ts";
import { firstLines, relativePosix, tailOf } from "./bounds.ts";
import { escapeRegExp, fitsCommandLine, groupOf, namedCases } from "./cases.ts";
import { DRIVER_FILE, isolatingDriver } from "./isolating-driver.ts";
import type { JsonRecord } from "./json-lines.ts";
import { list, readJsonLines, record, text } from "./json-lines.ts";
import { foldLines } from "./line-report.ts";
import { findNodePackage } from "./node-package.ts";
import { chosenOf, expandPatterns, globFiles } from "./patterns.ts";
import {
  PLAYWRIGHT_REPORT_FILE,
  PLAYWRIGHT_REPORTER_FILE,
  playwrightReporter,
} from "./playwright-reporter.ts";
import type { ProjectScript } from "./project-script.ts";
import { projectScript, splitWords } from "./project-script.ts";

const LIST_TIMEOUT_MS = 5 * 60_000;
const ENTRY = "cli.js";
const MISSING = "@playwright/test is in no node_modules from the suite root upwards; run npm install";

export const playwrightAdapter: Adapter = {
  name: "playwright",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

/** A dependency alone says nothing: many use the library without its test runner. */
async function detect(root: string): Promise<{ evidence: string } | null> {
  const [config] = await globFiles(root, ["playwright.config.{js,mjs,cjs,ts,mts,cts}"]);
  if (config !== undefined) return { evidence: config };
  const script = await playwrightScript(root);
  return script === null ? null : { evidence: `package.json scripts.${script.script}` };
}

async function playwrightScript(root: string): Promise<ProjectScript | null> {
  const found = await projectScript(root, /^playwright$/);
  return found?.words[0]?.text === "test" ? found : null;
}

const RULES = {
  withValue: new Set(
    (
      "-c --config -g --grep --grep-invert --project -j --workers --timeout --global-timeout --tsconfig " +
      "--retries --repeat-each --output --reporter --shard --trace --max-failures --update-source-method"
    ).split(" "),
  ),
  ours: /^--(?:reporter|shard|ui|headed|debug|list|last-failed|only-changed|update-snapshots|ui-)/,
};

interface PlaywrightFacts {
  argv: string[];
  env: Record<string, string>;
  version: string;
  targets: string[];
}

async function playwrightOf(root: string): Promise<PlaywrightFacts | null> {
  const found = await findNodePackage(root, { names: ["@playwright/test", "playwright"], entry: ENTRY });
  if (found === null) return null;
  const script = await playwrightScript(root);
  const { flags, targets } = splitWords(script?.words.slice(1) ?? [], RULES);
  const argv = ["node", join(found.folder, ENTRY), "test", ...flags];
  return { argv, env: script?.env ?? {}, version: found.version, targets: targets.map((each) => each.text) };
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const playwright = await playwrightOf(options.root);
  if (playwright === null) return { files: [], problems: [{ file: "", message: MISSING }] };
  const chosen = await expandPatterns(options.root, options.patterns ?? []);
  const listed = await listOf(options, playwright);
  const paths = listed.files.map((each) => each.path);
  const wanted = options.patterns?.length ? new Set(chosenOf(paths, chosen)) : new Set(paths);
  const where = relativePosix(options.root, playwright.argv[1] ?? "");
  return {
    files: listed.files.filter((each) => wanted.has(each.path)),
    problems: [...chosen.problems, ...listed.problems],
    interpreter: `playwright ${playwright.version} in ${where}`,
  };
}

interface Listed {
  files: DiscoveredFile[];
  problems: SuiteProblem[];
}

/** Playwright lists nothing when a file does not load: then it is asked once more, without that file. */
async function listOf(options: DiscoverOptions, playwright: PlaywrightFacts): Promise<Listed> {
  const narrowed = options.patterns?.length ? [] : playwright.targets;
  const first = await listOnce(options, { playwright, targets: narrowed });
  const bad = first.files.filter((file) => first.problems.some((problem) => problem.file === file.path));
  if (bad.length === 0) return first;
  const root = await realpath(options.root);
  const others = `^(?!(?:${bad.map((file) => escapeRegExp(resolve(root, file.path))).join("|")})$)`;
  const second = await listOnce(options, { playwright, targets: [others] });
  const files = [...bad, ...second.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, problems: [...first.problems, ...second.problems] };
}

async function listOnce(
  options: DiscoverOptions,
  { playwright, targets }: { playwright: PlaywrightFacts; targets: string[] },
): Promise<Listed> {
  const folder = await mkdtemp(join(tmpdir(), "testyard-list-"));
  try {
    const [reporter, report] = [join(folder, PLAYWRIGHT_REPORTER_FILE), join(folder, PLAYWRIGHT_REPORT_FILE)];
    await writeFile(reporter, playwrightReporter(report));
    const words = ["--list", `--reporter=${reporter}`, ...(options.args ?? []), ...targets];
    const ended = await options.run([...playwright.argv, ...words], {
      cwd: options.root,
      env: playwright.env,
      timeout_ms: LIST_TIMEOUT_MS,
    });
    const records = (await readJsonLines(report)) ?? [];
    const found = listedFrom(records, await realpath(options.root));
    if (records.length > 0 && (ended.code === 0 || found.problems.length > 0)) return found;
    const said = tailOf(`${ended.stdout}\n${ended.stderr}`);
    const message = firstLines(`playwright test --list exited with ${ended.code}: ${said}`);
    return { ...found, problems: [{ file: "", message }] };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A file that does not load has no cases in the list; it is one of the suite all the same. */
function listedFrom(records: readonly JsonRecord[], root: string): Listed {
  const files = new Map<string, Set<string>>();
  const problems: SuiteProblem[] = [];
  for (const each of records) {
    for (const value of each["kind"] === "plan" ? list(each["cases"]) : []) {
      const one = record(value) ?? {};
      const file = relativePosix(root, text(one["file"]));
      files.set(file, (files.get(file) ?? new Set<string>()).add(text(one["name"])));
    }
    if (each["kind"] !== "problem") continue;
    const file = relativePosix(root, text(each["file"]));
    problems.push({ file, message: firstLines(text(each["message"])) });
    if (file !== "" && !files.has(file)) files.set(file, new Set());
  }
  const paths = [...files].map(([path, cases]) => ({ path, cases: [...cases] }));
  return { files: paths.sort((a, b) => (a.path < b.path ? -1 : 1)), problems };
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const playwright = await playwrightOf(options.root);
  // Without Playwright the run fails with the system's words, which the parser hands on.
  if (playwright === null) return { argv: ["playwright", "test", ...options.files], env: {}, cwd: "." };
  const reportPath = join(options.resultDir, PLAYWRIGHT_REPORT_FILE);
  const reporter = join(options.resultDir, PLAYWRIGHT_REPORTER_FILE);
  await writeFile(reporter, playwrightReporter(reportPath));
  const root = await realpath(options.root).catch(() => options.root);
  const named = namedCases(options.cases);
  const chosen = named === null ? [] : [`--grep=${grepOf(named)}`];
  const before = [...playwright.argv, `--reporter=list,${reporter}`, ...(options.args ?? [])];
  // Files are given as patterns over absolute paths.
  const files = options.files.map((file) => ({
    path: resolve(root, file),
    argument: `^${escapeRegExp(resolve(root, file))}$`,
    without: [],
  }));
  const argv = fitsCommandLine(chosen) ? [...before, ...chosen] : before;
  const driver = join(options.resultDir, DRIVER_FILE);
  await writeFile(driver, isolatingDriver({ reportPath, argv, files }));
  return { argv: ["node", driver], env: playwright.env, cwd: "." };
}

/** `--grep` sees the project, the file below the test folder, the titles and the tags, joined with blanks. */
function grepOf(cases: readonly CaseRef[]): string {
  const patterns = cases.map(({ file, name, parameters }) => {
    const project = parameters?.startsWith("project=") ? escapeRegExp(parameters.slice(8)) : ".*";
    const group = groupOf(name);
    const titles = escapeRegExp(group ?? name).replaceAll(" > ", "(?: > | )");
    const path = `(?:.*[\\/\\\\])?${escapeRegExp(basename(file))}`;
    return `${project} ?${path} ${titles}${group === null ? "" : " .*"}`;
  });
  return `^(?:${[...new Set(patterns)].join("|")})(?: @\\S+)*$`;
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, PLAYWRIGHT_REPORT_FILE));
  const root = await realpath(options.root).catch(() => options.root);
  return foldLines(records, { root, parse: options, framework: "Playwright" });
}
