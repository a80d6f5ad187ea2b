// Runs the checks two at a time (two cores are the machine we promise a minute on); those marked `alone` come
// last and have the machine for themselves, because they bring their own parallelism.
import { stripVTControlCharacters } from "node:util";
import { CHECKS } from "./checks/index.mjs";
import { filesBelow } from "./files.mjs";
import { seconds } from "./process.mjs";

const WIDTH = 2;

// Most tools are content with nothing to look at.
const isThereCode = () => filesBelow("src").some((path) => path.endsWith(".ts"));

/** Prints a line per check, and what a failed one said; resolves to { passed, failed }. */
export async function runChecks(names = CHECKS.map(({ name }) => name)) {
  const chosen = CHECKS.filter(({ name }) => names.includes(name));
  const results = [];
  const queue = chosen.filter(({ alone }) => !alone);
  const lane = async () => {
    for (let check = queue.shift(); check; check = queue.shift()) results.push(await runCheck(check));
  };
  await Promise.all(Array.from({ length: WIDTH }, lane));
  for (const check of chosen.filter(({ alone }) => alone)) results.push(await runCheck(check));
  const passed = results.filter(Boolean).length;
  return { passed, failed: results.length - passed };
}

async function nothing() {
  throw new Error("src holds no TypeScript: nothing was checked");
}

async function runCheck({ name, run }) {
  const started = performance.now();
  const {
    ok,
    output,
    note = "",
  } = await (isThereCode() ? run() : nothing()).catch((error) => ({
    ok: false,
    output: String(error.stack),
  }));
  const time = `${seconds(started).toFixed(1).padStart(5)} s`;
  const line = `${ok ? "ok    " : "FAILED"} ${name.padEnd(10)} ${time}  ${note}`;
  const said = stripVTControlCharacters(output).trimEnd().replace(/^/gm, "    ");
  console.log(ok ? line.trimEnd() : `${line.trimEnd()}\n${said}`);
  return ok;
}
