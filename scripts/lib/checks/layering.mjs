// The import table of .dependency-cruiser.cjs, applied. The check distrusts its own tool: a parser that reads
// nothing finds nothing wrong, so every source file must have been seen, and some import at all.
import { filesBelow } from "../files.mjs";
import { bin, run } from "../process.mjs";
import { present } from "./tools.mjs";

export async function layering() {
  const args = ["--config", ".dependency-cruiser.cjs", "--output-type", "json", ...present(["src", "test"])];
  const { stdout, stderr } = await run(bin("depcruise"), args);
  if (!stdout.startsWith("{"))
    return { ok: false, output: `dependency-cruiser gave no report: ${stdout}${stderr}` };
  const { modules, summary } = JSON.parse(stdout);
  const problems = [...unseen(modules), ...summary.violations.map(printedViolation)];
  return {
    ok: problems.length === 0,
    output: [...new Set(problems)].join("\n"),
    note: `${modules.length} modules, ${summary.totalDependenciesCruised} imports`,
  };
}

function unseen(modules) {
  const ours = modules.filter(({ source }) => source.startsWith("src/"));
  if (ours.length === 0) return ["0 modules were seen: nothing was checked"];
  if (!ours.some(({ dependencies }) => dependencies.length > 0))
    return ["0 imports were seen: nothing was parsed"];
  const seen = new Set(ours.map(({ source }) => source));
  const missed = filesBelow("src").filter(
    (path) => /(?<!\.d)\.tsx?$/.test(path) && !path.includes("/fixtures/") && !seen.has(path),
  );
  return missed.map((path) => `${path} was not seen`);
}

const printedViolation = ({ from, to, rule, comment }) =>
  `${from} → ${to === from ? "" : to}: ${comment ?? ""} [${rule.name}]`;
