/**
 * cargo test. A "file" is the source file that a target starts from: `src/lib.rs` (its unit tests and its
 * documentation's), `src/main.rs`, `tests/parse.rs`, `crates/x/src/lib.rs`. cargo builds and runs nothing
 * smaller. Cases are named as Rust names them; those of documentation carry their line.
 */
import { realpath, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type {
  Adapter,
  CaseRef,
  CommandOptions,
  DiscoverOptions,
  Discovery,
  ParseOptions,
  RunProcess,
  SuiteResult,
  TestCommand,
} from "./adapter.ts";
import { firstLines, relativePosix, tailOf } from "./bounds.ts";
import type { CargoUnit } from "./cargo-driver.ts";
import { CARGO_DRIVER_FILE, CARGO_REPORT_FILE, cargoDriver } from "./cargo-driver.ts";
import { cargoLines } from "./cargo-report.ts";
import { fitsCommandLine, isWhole } from "./cases.ts";
import type { JsonRecord } from "./json-lines.ts";
import { list, readJsonLines, record, text } from "./json-lines.ts";
import { foldLines } from "./line-report.ts";
import { chosenOf, exists, expandPatterns } from "./patterns.ts";
import { programOnPath } from "./program.ts";

const LIST_TIMEOUT_MS = 60_000;

export const cargoTestAdapter: Adapter = {
  name: "cargo-test",
  runsCases: true,
  detect,
  discover,
  command,
  parse,
};

async function detect(root: string): Promise<{ evidence: string } | null> {
  return (await exists(join(root, "Cargo.toml"))) ? { evidence: "Cargo.toml" } : null;
}

interface Target {
  /** Relative to the suite root. */
  file: string;
  path: string;
  /** For people and to tell targets of the same file apart: `lib`, `bin NAME`. */
  name: string;
  words: string[];
  isDoc: boolean;
}

async function listTargets(
  root: string,
  run: RunProcess,
): Promise<{ targets: Target[]; problem: string | null }> {
  const argv = ["cargo", "metadata", "--no-deps", "--format-version", "1"];
  const ended = await run(argv, { cwd: root, timeout_ms: LIST_TIMEOUT_MS });
  const real = await realpath(root);
  try {
    const metadata = record(JSON.parse(ended.stdout)) ?? {};
    const packages = list(metadata["packages"]).map((each) => record(each) ?? {});
    const targets = packages.flatMap((each) => targetsOf(each, real));
    // A workspace may reach beyond the suite.
    return { targets: targets.filter((each) => !each.file.startsWith("..")).sort(byFile), problem: null };
  } catch {
    const said = tailOf(`${ended.stdout}\n${ended.stderr}`);
    return { targets: [], problem: firstLines(`cargo metadata exited with ${ended.code}: ${said}`) };
  }
}

function byFile(a: Target, b: Target): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : 0;
}

/** What `cargo test` runs of a package when nothing is chosen. */
function targetsOf(one: JsonRecord, root: string): Target[] {
  return list(one["targets"])
    .map((each) => record(each) ?? {})
    .filter((each) => list(each["required-features"]).length === 0)
    .flatMap((each) => unitsOf(each, { root, package: ["-p", text(one["name"])] }));
}

function unitsOf(each: JsonRecord, of: { root: string; package: string[] }): Target[] {
  const kind = text(list(each["kind"])[0]);
  const path = text(each["src_path"]);
  const shared = { file: relativePosix(of.root, path), path };
  const isLib = !["bin", "test", "example", "bench", "custom-build"].includes(kind);
  const targets: Target[] = [];
  if (each["test"] === true && kind !== "bench") {
    const words = isLib ? ["--lib"] : [`--${kind}`, text(each["name"])];
    const name = words.join(" ").slice(2);
    targets.push({ ...shared, name, words: [...of.package, ...words], isDoc: false });
  }
  if (isLib && each["doctest"] === true)
    targets.push({ ...shared, name: "doc", words: [...of.package, "--doc"], isDoc: true });
  return targets;
}

async function discover(options: DiscoverOptions): Promise<Discovery> {
  const cargo = await programOnPath("cargo", { args: ["--version"], cwd: options.root, run: options.run });
  if (cargo === null) return { files: [], problems: [{ file: "", message: "no cargo found on PATH" }] };
  const chosen = await expandPatterns(options.root, options.patterns ?? []);
  const { targets, problem } = await listTargets(options.root, options.run);
  const files = [...new Set(targets.map((each) => each.file))];
  const wanted = options.patterns?.length ? chosenOf(files, chosen) : files;
  return {
    files: wanted.map((path) => ({ path })),
    problems: [...chosen.problems, ...(problem === null ? [] : [{ file: "", message: problem }])],
    interpreter: cargo,
  };
}

async function command(options: CommandOptions): Promise<TestCommand> {
  const { targets } = await listTargets(options.root, options.run).catch(() => ({ targets: [] }));
  const root = await realpath(options.root).catch(() => options.root);
  const units = targets
    .filter((each) => options.files.length === 0 || options.files.includes(each.file))
    .flatMap((each) => unitOf(each, { targets, cases: options.cases }));
  const known = new Set(targets.map((each) => each.file));
  // cargo itself says what is wrong with a file that is no target.
  const unknown = options.files.filter((file) => !known.has(file));
  units.push(...unknown.map((file) => noTarget(resolve(root, file))));
  const reportPath = join(options.resultDir, CARGO_REPORT_FILE);
  const driver = join(options.resultDir, CARGO_DRIVER_FILE);
  await writeFile(driver, cargoDriver({ reportPath, units, args: options.args ?? [] }));
  return { argv: ["node", driver], env: {}, cwd: "." };
}

function noTarget(file: string): CargoUnit {
  return { file, target: "", words: ["--test", file], filter: [] };
}

function unitOf(
  target: Target,
  { targets, cases }: { targets: readonly Target[]; cases: readonly CaseRef[] | undefined },
): CargoUnit[] {
  const { file, path, words, isDoc } = target;
  const isShared = targets.some((each) => each.file === file && !each.isDoc && !isDoc && each !== target);
  const unit = { file: path, target: isShared ? target.name : "", words, filter: [] };
  const own = cases?.filter((each) => each.file === file || each.file === "");
  if (own === undefined || own.some(isWhole)) return [unit];
  const names = own.map((each) => each.name).filter((name) => isDocName(name) === isDoc);
  if (names.length === 0) return [];
  const filter = isDoc ? names.map(lineOf) : ["--exact", ...names];
  return [{ ...unit, filter: fitsCommandLine(filter) ? [...new Set(filter)] : [] }];
}

/** `src/lib.rs - add (line 12)`; a path of Rust names has no blanks. */
function isDocName(name: string): boolean {
  return name.includes(" ");
}

/** rustdoc splits filters at blanks, so the last word has to do: `12)`. */
function lineOf(name: string): string {
  return name.split(" ").at(-1) ?? name;
}

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const records = await readJsonLines(join(options.resultDir, CARGO_REPORT_FILE));
  const root = await realpath(options.root).catch(() => options.root);
  const lines = records === null ? null : cargoLines(records);
  return foldLines(lines, { root, parse: options, framework: "cargo test" });
}
