/** Any command that prints TAP, or leaves it as `.tap` files. */
import { join } from "node:path";
import type { Adapter, ParseOptions, SuiteResult } from "./adapter.ts";
import { STDOUT_FILE } from "./adapter.ts";
import { blameExit, nothingLeft } from "./bounds.ts";
import { givenCommand, givenFiles } from "./given-command.ts";
import type { LeftFile } from "./left-files.ts";
import { leftFiles, readBounded } from "./left-files.ts";
import { parseTap } from "./tap-parser.ts";

export const tapAdapter: Adapter = {
  name: "tap",
  runsCases: false,
  // A command cannot be guessed from a folder; it is chosen by whoever names the command.
  detect: async () => null,
  discover: givenFiles,
  command: (options) => givenCommand("tap", options),
  parse,
};

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const result: SuiteResult = { cases: [], problems: [] };
  const file = options.files.length === 1 ? (options.files[0] ?? "") : "";
  let streams = 0;
  for (const report of await streamsOf(options)) {
    const parsed = parseTap(report.content, { file, cut: report.cut });
    if (!parsed.isTap) continue;
    streams += 1;
    result.cases = result.cases.concat(parsed.cases);
    result.problems.push(...parsed.problems);
  }
  if (streams === 0 || result.cases.length === 0) return nothingLeft(options, "the command left no TAP");
  return blameExit(result, options);
}

async function streamsOf(options: ParseOptions): Promise<LeftFile[]> {
  const isReport = (content: string): boolean =>
    /^\s*(?:TAP version \d|1\.\.\d|(?:not )?ok\b)/m.test(content);
  const files = await leftFiles(options, { extension: "tap", isReport });
  if (files.length > 0) return files;
  const printed = await readBounded(join(options.resultDir, STDOUT_FILE));
  if (printed !== null) return [{ name: STDOUT_FILE, ...printed }];
  return [{ name: "output", content: options.logTail, cut: lostItsBeginning(options.logTail) }];
}

function lostItsBeginning(log: string): boolean {
  const first = /^[ \t]*(?:TAP version|1\.\.\d|(?:not )?ok\b(?:[ \t]+(\d+))?)/m.exec(log);
  return Number(first?.[1] ?? 1) > 1;
}
