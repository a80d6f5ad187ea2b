/** Any command that leaves JUnit XML, in `{result_dir}` or as a new file in the suite. */
import type { Adapter, ParseOptions, SuiteResult } from "./adapter.ts";
import { blameExit, nothingLeft } from "./bounds.ts";
import { givenCommand, givenFiles } from "./given-command.ts";
import { parseJunit } from "./junit-parser.ts";
import { leftFiles } from "./left-files.ts";

export const junitAdapter: Adapter = {
  name: "junit",
  runsCases: false,
  // A command cannot be guessed from a folder; it is chosen by whoever names the command.
  detect: async () => null,
  discover: givenFiles,
  command: (options) => givenCommand("junit", options),
  parse,
};

async function parse(options: ParseOptions): Promise<SuiteResult> {
  const isReport = (content: string): boolean => /<testsuites?[\s/>]/.test(content.slice(0, 8192));
  const reports = await leftFiles(options, { extension: "xml", isReport });
  if (reports.length === 0) return nothingLeft(options, "the command left no JUnit XML");
  const result: SuiteResult = { cases: [], problems: [] };
  const file = options.files.length === 1 ? (options.files[0] ?? "") : "";
  for (const report of reports) {
    const parsed = parseJunit(report.content, { root: options.root, name: report.name, file });
    result.cases = result.cases.concat(parsed.cases);
    result.problems.push(...parsed.problems);
  }
  return blameExit(result, options);
}
