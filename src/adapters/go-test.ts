/**
 * go test. A "file" is the folder of a package, as go builds and runs nothing smaller: `.` for the suite
 * itself, `internal/parse`. Every module below the suite is looked at, each run from its own folder.
 *
 * `-count=1` is ours: a result out of go's cache would be no run. A case is named as go names it,
 * `TestParse/empty_input`.
 */
import { realpath, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type {
  Adapter,
  CaseRef,
  CommandOptions,
  DiscoverOptions,
  Discovery,
  ParseOptions,
  RunProcess,
  SuiteProblem,
  SuiteResult,
  TestCommand,
} from "./adapter.ts";
import { firstLines, relativePosix, tailOf } from "./bounds.ts";
import { escapeRegExp, fitsCommandLine, isWhole } from "./cases.ts";
import type { GoGroup } from "./go-driver.ts";
import { GO_DRIVER_FILE, GO_REPORT_FILE, goDriver } from "./go-driver.ts";
import { goLines } from "./go-report.ts";
import { readJsonLines } from "./json-lines.ts";
import { foldLines } from "./line-report.ts";
import { exists, expandPatterns, globFiles } from "./patterns.ts";
import { programOnPath } from "./program.ts";

const LIST_TIMEOUT_MS = 5 * 60_000;

export const goTestAdapter: Adapter = {
  name: "go-test",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  for (const name of ["go.mod", "go.work"]) if (await exists(join(root, name))) return { evidence: name };
  return null;
}

interface GoPackage {
  /** Of its module, absolute. */
  module: string;
  /** The import path. */
  path: string;
  /** Absolute. */
  folder: string;
  /** Relative to the suite root, "." for it. */
  file: string;
}

interface Listed {
  packages: GoPackage[];
  problems: SuiteProblem[];
}

const FORMAT = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}\t{{.Error}}{{end}}";

async function listPackages(root: string, run: RunProcess): Promise<Listed> {
  const real = await realpath(root);
  const listed: Listed = { packages: [], problems: [] };
  const ignored = ["**/node_modules/**", "**/.git/**", "**/vendor/**", "**/testdata/**", "**/{_,.}*/**"];
  for (const file of await globFiles(real, ["**/go.mod"], ignored)) {
    const module = dirname(join(real, file));
    const ended = await run(["go", "list", "-e", "-f", FORMAT, "./..."], {
      cwd: module,
      timeout_ms: LIST_TIMEOUT_MS,
    });
    for (const line of ended.stdout.split("\n")) {
      const [path = "", folder = ""] = line.split("\t");
      if (folder === "") continue;
      listed.packages.push({ module, path, folder, file: relativePosix(real, folder) || "." });
    }
    if (ended.code === 0) continue;
    const said = tailOf(`${ended.stdout}\n${ended.stderr}`);
    listed.problems.push({ file, message: firstLines(`go list exited with ${ended.code}: ${said}`) });
  }
  listed.packages.sort((a, b) => (a.file < b.file ? -1 : 1));
  return listed;
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const go = await programOnPath("go", { args: ["version"], cwd: options.root, run: options.run });
  if (go === null) return { files: [], problems: [{ file: "", message: "no go found on PATH" }] };
  const chosen = await expandPatterns(options.root, options.patterns ?? []);
  const { packages, problems } = await listPackages(options.root, options.run);
  const wanted = options.patterns?.length
    ? packages.filter((each) => isChosen(each, chosen.paths))
    : packages;
  return {
    files: wanted.map((each) => ({ path: each.file })),
    problems: [...chosen.problems, ...problems],
    interpreter: go,
  };
}

/** A chosen folder means what is in and below it; a chosen file its package. */
function isChosen({ file }: GoPackage, paths: readonly string[]): boolean {
  return paths.some((path) => {
    if (path === "." || path === file || file.startsWith(`${path}/`)) return true;
    return path.endsWith(".go") && (dirname(path) || ".") === file;
  });
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const root = await realpath(options.root).catch(() => options.root);
  const { packages } = await listPackages(options.root, options.run).catch(
    (): Listed => ({ packages: [], problems: [] }),
  );
  const known = new Map(packages.map((each) => [each.file, each]));
  const asked = options.files.length > 0 ? options.files : packages.map((each) => each.file);
  const all = asked.map((file) => known.get(file) ?? unknown(root, file));
  const groups = options.cases === undefined ? groupsOf(all, null) : caseGroups(all, options.cases);
  const reportPath = join(options.resultDir, GO_REPORT_FILE);
  const driver = join(options.resultDir, GO_DRIVER_FILE);
  await writeFile(driver, goDriver({ reportPath, groups, args: options.args ?? [] }));
  return { argv: ["node", driver], env: {}, cwd: "." };
}

/** go itself says what is wrong with it. */
function unknown(root: string, file: string): GoPackage {
  return { module: root, path: `./${file}`, folder: resolve(root, file), file };
}

function groupsOf(packages: readonly GoPackage[], pattern: string | null): GoGroup[] {
  const modules = new Map<string, GoPackage[]>();
  for (const each of packages) modules.set(each.module, [...(modules.get(each.module) ?? []), each]);
  return [...modules].map(([folder, own]) => ({
    folder,
    packages: own.map((each) => ({ path: each.path, folder: each.folder })),
    pattern,
  }));
}

/**
 * `-run` takes one pattern for each level of names, so cases share a run when they have the same parent; two
 * parents in one pattern would also run the one's subtests under the other.
 */
function caseGroups(packages: readonly GoPackage[], cases: readonly CaseRef[]): GoGroup[] {
  const whole: GoPackage[] = [];
  const groups: GoGroup[] = [];
  for (const one of packages) {
    const own = cases.filter((each) => each.file === one.file || each.file === "");
    if (own.length === 0 || own.some(isWhole)) whole.push(one);
    else for (const pattern of patternsOf(own)) groups.push(...groupsOf([one], pattern));
  }
  return [...groupsOf(whole, null), ...groups];
}

function patternsOf(cases: readonly CaseRef[]): (string | null)[] {
  const names = [...new Set(cases.map((each) => each.name))];
  // A test runs anyway with one of its subtests; named beside them, it is not meant whole.
  const leaves = names.filter((name) => !names.some((other) => other.startsWith(`${name}/`)));
  const parents = new Map<string, string[]>();
  for (const name of leaves) {
    const at = name.lastIndexOf("/");
    const parent = name.slice(0, Math.max(0, at));
    parents.set(parent, [...(parents.get(parent) ?? []), name.slice(at + 1)]);
  }
  const patterns = [...parents].map(([parent, own]) => {
    const above = parent === "" ? [] : parent.split("/").map((name) => `^${escapeRegExp(name)}$`);
    return [...above, `^(${own.map(escapeRegExp).join("|")})$`].join("/");
  });
  return fitsCommandLine(patterns) ? patterns : [null];
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, GO_REPORT_FILE));
  const root = await realpath(options.root).catch(() => options.root);
  const lines = records === null ? null : goLines(records);
  return foldLines(lines, { root, parse: options, framework: "go test" });
}
