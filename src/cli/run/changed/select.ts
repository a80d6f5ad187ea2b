/**
 * The tests that a change can touch.
 *
 *     a changed test file                      → itself
 *     a changed source file                    → the tests that import it, directly or not
 *     a source file that no test imports       → the whole suite it lies in: something else may load it
 *     anything else (configuration, data)      → the whole suite it lies in, or all when it lies in none
 *     prose (*.md, LICENSE, …)                 → nothing
 *
 * Where it cannot tell it runs more, and says why.
 */
import { posix } from "node:path";
import type { FoundSuite } from "../suites.ts";
import { type ImportGraph, isReadable } from "./imports.ts";

export interface Selection {
  suites: FoundSuite[];
  /** One line each, for people: what made a whole suite run. */
  notes: string[];
  files: number;
}

const PROSE =
  /(?:^|\/)(?:LICEN[CS]E[^/]*|NOTICE|\.gitignore|\.gitattributes|\.github\/.*|.*\.(?:md|rst|adoc))$/i;

export function isProse(path: string): boolean {
  return PROSE.test(path);
}

/** @param changed relative to the workspace, as are the suites */
export async function selectChanged(
  suites: readonly FoundSuite[],
  { changed, graph }: { changed: readonly string[]; graph: ImportGraph },
): Promise<Selection> {
  const matters = new Set(changed.filter((path) => !isProse(path)));
  const chosen = new Map(suites.map((suite) => [suite, new Set<string>()] as const));
  const reached = new Set<string>();
  for (const [suite, files] of chosen) {
    for (const { path } of suite.discovery.files) {
      const hits = await graph.reaches(posix.join(suite.suite, path), matters);
      if (hits.size > 0) files.add(path);
      for (const hit of hits) reached.add(hit);
    }
  }
  const notes: string[] = [];
  for (const path of matters) {
    if (reached.has(path) && isReadable(path)) continue;
    const whole = suitesAround(suites, path);
    for (const suite of whole) for (const file of suite.discovery.files) chosen.get(suite)?.add(file.path);
    const why = isReadable(path) ? "no test imports it" : "no import says which tests need it";
    if (whole.length > 0)
      notes.push(`${path} changed and ${why}: all of ${whole.map(titleOf).join(", ")} run`);
  }
  const found = [...chosen].map(([suite, files]) => narrowed(suite, files));
  const files = found.reduce((sum, { discovery }) => sum + discovery.files.length, 0);
  return { suites: found.filter(({ discovery }) => discovery.files.length > 0), notes, files };
}

function titleOf({ adapter, suite }: FoundSuite): string {
  return `${adapter.name} in ${suite}`;
}

function narrowed(suite: FoundSuite, files: ReadonlySet<string>): FoundSuite {
  const kept = suite.discovery.files.filter(({ path }) => files.has(path));
  return { ...suite, discovery: { ...suite.discovery, files: kept } };
}

/** The innermost suites that hold the path; all when none does. */
function suitesAround(suites: readonly FoundSuite[], path: string): FoundSuite[] {
  const depthOf = ({ suite }: FoundSuite): number => (suite === "." ? 0 : suite.split("/").length);
  const around = suites.filter(({ suite }) => suite === "." || path.startsWith(`${suite}/`));
  const deepest = Math.max(...around.map(depthOf));
  return around.length === 0 ? [...suites] : around.filter((suite) => depthOf(suite) === deepest);
}
