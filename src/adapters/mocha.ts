/**
 * mocha: the project's own copy, with its configuration file and the options of its package.json script.
 *
 * Which files a run has, mocha itself is asked. A configured `spec` is added to the files named on its
 * command line, so for a part of the suite the other configured files are ignored by name.
 */
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
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
import { firstLines, relativePosix, tailOf } from "./bounds.ts";
import { namedCases } from "./cases.ts";
import { DRIVER_FILE, isolatingDriver } from "./isolating-driver.ts";
import { list, readJsonLines, record, text } from "./json-lines.ts";
import type { JsonRecord } from "./json-lines.ts";
import { foldLines } from "./line-report.ts";
import { MOCHA_REPORT_FILE, MOCHA_REPORTER_FILE, mochaReporter } from "./mocha-reporter.ts";
import { findNodePackage } from "./node-package.ts";
import { readPackage } from "./package-json.ts";
import { chosenOf, expandPatterns, globFiles } from "./patterns.ts";
import { projectScript, splitWords } from "./project-script.ts";
import type { Word } from "./shell-words.ts";

const LIST_TIMEOUT_MS = 60_000;
const ENTRY = "bin/mocha.js";
const MISSING = "mocha is in no node_modules from the suite root upwards; run npm install";

export const mochaAdapter: Adapter = {
  name: "mocha",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  const [config] = await globFiles(root, [".mocharc.{js,cjs,mjs,yaml,yml,json,jsonc}"]);
  if (config !== undefined) return { evidence: config };
  const facts = await readPackage(root);
  if (facts?.fields.has("mocha")) return { evidence: "package.json mocha" };
  const script = await projectScript(root, PROGRAM);
  if (script !== null) return { evidence: `package.json scripts.${script.script}` };
  const dependency = facts?.dependencies.get("mocha");
  return dependency === undefined ? null : { evidence: `package.json ${dependency}` };
}

const PROGRAM = /^_?mocha(?:\.js)?$/;
const RULES = {
  withValue: new Set(
    (
      "-r --require -R --reporter -O --reporter-option --reporter-options -t --timeout --timeouts -s " +
      "--slow -g --grep -f --fgrep --file -u --ui --config --opts --package --extension --ignore --exclude " +
      "-n --node-option --retries -j --jobs --watch-files --watch-ignore --spec --import --loader -C " +
      "--conditions"
    ).split(" "),
  ),
  ours: /^(?:-R$|--reporter|-O$|--watch|-w$|--spec(?:=|$)|--exit-code|--bail-on)/,
};

interface MochaFacts {
  folder: string;
  version: string;
  nodeFlags: string[];
  flags: string[];
  targets: Word[];
  env: Record<string, string>;
}

async function mochaOf(root: string): Promise<MochaFacts | null> {
  const found = await findNodePackage(root, { names: ["mocha"], entry: ENTRY });
  if (found === null) return null;
  const script = await projectScript(root, PROGRAM);
  const { flags, targets } = splitWords(script?.words ?? [], RULES);
  return { ...found, nodeFlags: script?.nodeFlags ?? [], env: script?.env ?? {}, flags, targets };
}

interface Listing {
  files: string[];
  /** Files of the `spec` of a configuration file. */
  configured: string[];
  problem: string | null;
}

const LISTER = `"use strict";
const { join, resolve } = require("node:path");
const { writeFileSync } = require("node:fs");
const [folder, output, ...words] = process.argv.slice(2);
const { loadOptions } = require(join(folder, "lib/cli/options.js"));
let collect;
try {
  collect = require(join(folder, "lib/cli/collect-files.js"));
} catch {
  collect = require(join(folder, "lib/cli/run-helpers.js")).handleFiles;
}
const at = words.indexOf("--");
const flags = at < 0 ? words : words.slice(0, at);
const targets = at < 0 ? [] : words.slice(at + 1);
function filesOf(spec, args) {
  const { extension = [], ignore = [], recursive, sort } = args;
  const found = collect({ extension, file: [], ignore: [].concat(ignore), recursive, sort, spec });
  return (Array.isArray(found) ? found : found.files).map((file) => resolve(file));
}
const bare = loadOptions(flags);
const args = loadOptions([...flags, ...targets]);
const configured = bare._.length > 0 ? filesOf(bare._, bare) : [];
const files = filesOf(args._.length > 0 ? args._ : ["./test"], args);
writeFileSync(output, JSON.stringify({ files, configured }));
`;

/** mocha's own functions, asked in a process of their own: it ends itself when nothing matches. */
async function listFiles(
  options: { root: string; run: RunProcess; args?: string[] },
  mocha: MochaFacts,
): Promise<Listing> {
  const folder = await mkdtemp(join(tmpdir(), "testyard-list-"));
  try {
    const [lister, output] = [join(folder, "list.cjs"), join(folder, "files.jsonl")];
    await writeFile(lister, LISTER);
    const targets = await Promise.all(mocha.targets.map((word) => expandedByShell(options.root, word)));
    const words = [...mocha.flags, ...(options.args ?? []), "--", ...targets.flat()];
    const ended = await options.run(["node", lister, mocha.folder, output, ...words], {
      cwd: options.root,
      env: mocha.env,
      timeout_ms: LIST_TIMEOUT_MS,
    });
    const [listed] = (await readJsonLines(output)) ?? [];
    const real = await realpath(options.root);
    const said = tailOf(`${ended.stdout}\n${ended.stderr}`);
    if (listed === undefined) return { files: [], configured: [], problem: firstLines(`mocha: ${said}`) };
    return { ...namesOf(listed, real), problem: null };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The shell, which expands unquoted patterns before mocha sees them, takes `**` for one level. */
async function expandedByShell(root: string, word: Word): Promise<string[]> {
  if (word.quoted) return [word.text];
  const found = await globFiles(root, [word.text.replaceAll("**", "*")], []);
  return found.length > 0 ? found : [word.text];
}

function namesOf(listed: JsonRecord, root: string): { files: string[]; configured: string[] } {
  const names = (value: unknown): string[] => [
    ...new Set(list(value).map((path) => relativePosix(root, text(path)))),
  ];
  return {
    files: names(record(listed)?.["files"]).sort(),
    configured: names(record(listed)?.["configured"]),
  };
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const mocha = await mochaOf(options.root);
  if (mocha === null) return { files: [], problems: [{ file: "", message: MISSING }] };
  const chosen = await expandPatterns(options.root, options.patterns ?? []);
  const listed = await listFiles(options, mocha);
  const problems = listed.problem === null ? [] : [{ file: "", message: listed.problem }];
  const wanted = options.patterns?.length ? chosenOf(listed.files, chosen) : listed.files;
  const where = relativePosix(options.root, join(mocha.folder, ENTRY));
  return {
    files: wanted.map((path) => ({ path })),
    problems: [...chosen.problems, ...problems],
    interpreter: `mocha ${mocha.version} in ${where}`,
  };
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const root = await realpath(options.root).catch(() => options.root);
  const mocha = await mochaOf(options.root);
  // Without any mocha the run fails with the system's words, which the parser hands on.
  if (mocha === null) return { argv: ["mocha", ...options.files], env: {}, cwd: "." };
  const reportPath = join(options.resultDir, MOCHA_REPORT_FILE);
  const reporter = join(options.resultDir, MOCHA_REPORTER_FILE);
  const cases = namedCases(options.cases);
  await writeFile(reporter, mochaReporter({ reportPath, mocha: mocha.folder, root, cases }));
  const { configured } = await listFiles(options, mocha);
  const isConfigured = (file: string): boolean => configured.includes(file);
  const files = options.files.map((file) => ({
    path: resolve(root, file),
    argument: resolve(root, file),
    without: isConfigured(file) ? ignored(root, file) : [],
  }));
  const others = files.length === 0 ? [] : configured.filter((file) => !options.files.includes(file));
  const argv = [
    "node",
    ...mocha.nodeFlags,
    join(mocha.folder, ENTRY),
    ...mocha.flags,
    `--reporter=${reporter}`,
    ...others.flatMap((file) => ignored(root, file)),
    ...(options.args ?? []),
  ];
  const driver = join(options.resultDir, DRIVER_FILE);
  await writeFile(driver, isolatingDriver({ reportPath, argv, files }));
  return { argv: ["node", driver], env: mocha.env, cwd: "." };
}

/**
 * `--ignore` takes a pattern and compares it with a file as its specification wrote it. A pattern of one file
 * is its name with the special characters in brackets.
 */
function ignored(root: string, file: string): string[] {
  const pattern = file.replace(/[*?[{}()!+@]/g, "[$&]");
  return [pattern, `./${pattern}`, join(root, pattern)].map((each) => `--ignore=${each}`);
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, MOCHA_REPORT_FILE));
  const root = await realpath(options.root).catch(() => options.root);
  return foldLines(records, { root, parse: options, framework: "mocha" });
}
