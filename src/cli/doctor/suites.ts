/** The test suites of a folder, and whether what they need is on this machine. */
import { findSuites, type Suite } from "../run/suites.ts";
import { discoverAll } from "../run/discover.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

export async function suites(root: string): Promise<Finding[]> {
  const found = await findSuites(root, [root]);
  if (found.length === 0) return [ok("suites", "no test framework is recognised in this folder")];
  return Promise.all(found.map(lookAt));
}

async function lookAt(suite: Suite): Promise<Finding> {
  const name = `${suite.adapter.name} in ${suite.suite}`;
  try {
    const [found] = await discoverAll([suite]);
    const { files = [], interpreter, problems = [] } = found?.discovery ?? {};
    const by = interpreter === undefined ? "" : ` with ${interpreter}`;
    const [problem] = problems;
    if (problem === undefined) return ok("suites", `${name}${by}: ${files.length} files`);
    return warn(
      "suites",
      `${name}${by}: ${problem.file} ${problem.message.split("\n")[0]}`,
      "testyard run shows more",
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    return fail("suites", `${name}: ${reason}`, `install what ${suite.adapter.name} needs on this machine`);
  }
}
