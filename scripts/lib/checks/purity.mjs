// The pure folders take time, ids and chance as arguments, which is what lets one fold serve leader, standby,
// restart, replay and simulation. This check bans every way to ask the machine instead: clocks, chance,
// timers, the process, the console, node: and asynchrony. Tests beside the code may use what they like.
import { oxlint, printed } from "../oxlint.mjs";
import { filesBelow } from "../files.mjs";
import { walkFile } from "../syntax.mjs";
import { present } from "./tools.mjs";

const PURE = ["core", "scheduler", "balancer", "health", "trends", "reports", "protocol"];
const NOT_PURE = ["**/*.test.ts", "**/*.testing.ts", "**/testing/**"].map((it) => `--ignore-pattern=${it}`);
const IS_TEST = /\.(test|testing)\.ts$|\/testing\//;

export async function purity() {
  const folders = present(PURE.map((folder) => `src/${folder}`));
  if (folders.length === 0) return { ok: false, output: "no pure folder was found: nothing was checked" };
  const { files, problems } = await oxlint("scripts/purity.oxlintrc.json", folders, NOT_PURE);
  const sources = folders.flatMap(filesBelow).filter((path) => path.endsWith(".ts") && !IS_TEST.test(path));
  const all = [...problems, ...sources.flatMap(awaits)];
  return { ok: all.length === 0, output: printed(all), note: `${files} files` };
}

// oxlint reports async functions, but an await at the top of a module needs none.
function awaits(path) {
  let found = 0;
  walkFile(path, (node) => {
    if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.isAwait)) found += 1;
  });
  return found === 0 ? [] : [{ path, line: 1, message: `${found} × await`, rule: "no-await" }];
}
