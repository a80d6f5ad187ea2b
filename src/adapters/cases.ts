/**
 * Running only named cases: how a selection becomes patterns, and how what ran becomes what was asked for.
 *
 * Frameworks choose by a pattern over titles, which seldom is exact: two files may have a case of the same
 * name, titles are joined with a blank, some cannot choose at all. So the choice is made twice: the command
 * runs as little as the framework allows, and `onlyCases` drops what else ran. What was asked for and did
 * not run becomes an error: a case that vanished must not look as if it passed.
 */
import type { CaseRef, CaseResult, SuiteResult } from "./adapter.ts";
import { FILE_CASE, GROUP_CASE, RUN_CASE } from "./adapter.ts";
import { caseResult, CUT_NOTE } from "./bounds.ts";

const SEPARATOR = " > ";
const GROUP_END = SEPARATOR + GROUP_CASE;

/** Linux takes 128 KiB in one argument and 2 MiB in all, the environment included; Windows 32 KiB. */
const ARGUMENT_BYTES = 120_000;
const COMMAND_BYTES = process.platform === "win32" ? 30_000 : 1_000_000;

export function fitsCommandLine(argv: readonly string[]): boolean {
  let total = 0;
  for (const word of argv) {
    const bytes = Buffer.byteLength(word) + 1;
    if (bytes > ARGUMENT_BYTES) return false;
    total += bytes;
  }
  return total <= COMMAND_BYTES;
}

/** It stands for its file or for the run, or its name is not known whole: nothing less can run. */
export function isWhole(each: CaseRef): boolean {
  return each.name === FILE_CASE || each.name === RUN_CASE || each.name.includes(CUT_NOTE);
}

/** The cases to choose by name; null: everything in the files has to run. */
export function namedCases(cases: readonly CaseRef[] | undefined): readonly CaseRef[] | null {
  return cases === undefined || cases.length === 0 || cases.some(isWhole) ? null : cases;
}

/** The files that the cases are in; null when one of them is in no file, that is, in all of them. */
export function filesOfCases(cases: readonly CaseRef[]): string[] | null {
  const files = new Set(cases.map((each) => each.file));
  return files.has("") ? null : [...files];
}

export function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** For frameworks that match a pattern against the titles of a case, joined with a blank. */
export function titlePattern(cases: readonly CaseRef[]): string {
  const names = new Set(cases.map((each) => titleRegExp(each.name)));
  return `^(?:${[...names].join("|")})$`;
}

/** Within a title `>` may stand for itself, so both readings are let through. */
function titleRegExp(name: string): string {
  const group = groupOf(name);
  const titles = (group ?? name).split(SEPARATOR).map(escapeRegExp).join("(?: > | )");
  return group === null ? titles : `${titles} .*`;
}

/** null: the name is one of a single case. */
export function groupOf(name: string): string | null {
  return name.endsWith(GROUP_END) ? name.slice(0, -GROUP_END.length) : null;
}

/** What a framework may have run beside the chosen cases is left out; what it did not run is an error. */
export function onlyCases(
  result: SuiteResult,
  options: { cases: readonly CaseRef[]; carrier?: ((name: string) => string) | undefined },
): SuiteResult {
  const byFile = new Map<string, CaseRef[]>();
  for (const each of options.cases) byFile.set(each.file, [...(byFile.get(each.file) ?? []), each]);
  const found = new Set<CaseRef>();
  const kept = result.cases.filter((each) => {
    const asked = [...(byFile.get(each.file) ?? []), ...(byFile.get("") ?? [])];
    const matching = asked.filter((one) => stands(one, each, options.carrier));
    for (const one of matching) found.add(one);
    return matching.length > 0 || isTrouble(each);
  });
  const missing = options.cases.filter((each) => !found.has(each) && !isWhole(each));
  return { cases: [...kept, ...missing.map(notRun)], problems: result.problems };
}

function stands(asked: CaseRef, each: CaseResult, carrier?: (name: string) => string): boolean {
  if (isWhole(asked)) return true;
  const { parameters } = asked;
  if (parameters !== undefined && each.parameters !== undefined && parameters !== each.parameters)
    return false;
  const group = groupOf(asked.name);
  if (group !== null) return each.name.startsWith(group + SEPARATOR);
  return each.name === asked.name || (carrier !== undefined && each.name === carrier(asked.name));
}

/** A file that does not load or a run that broke concerns every case that was asked for. */
function isTrouble(each: CaseResult): boolean {
  return each.outcome === "error" && (each.name === FILE_CASE || each.name === RUN_CASE);
}

function notRun(each: CaseRef): CaseResult {
  const message = "asked for by name, and the framework did not run it";
  return caseResult({ ...each, outcome: "error", message });
}
