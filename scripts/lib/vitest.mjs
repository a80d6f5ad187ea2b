// Runs vitest over one folder and counts; the counts come from our reporter's file, never from the screen.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { bin, run } from "./process.mjs";

/** `node`: the program that runs it. Resolves to { passed, failed, skips: [{ name, reason }], output }. */
export async function vitest(folder, options = {}) {
  const { exclude = [], onOutput, node = process.execPath } = options;
  const scratch = mkdtempSync(join(tmpdir(), "testyard-counts-"));
  const counts = join(scratch, "counts.json");
  const args = ["run", "--dir", folder, "--reporter=dot", "--reporter=./scripts/lib/vitest-reporter.mjs"];
  for (const pattern of exclude) args.push("--exclude", pattern);
  // What the tests start finds this Node first as well.
  const env = { TESTYARD_VITEST_COUNTS: counts, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const { code, stdout, stderr } = await run(node, [bin("vitest"), ...args], { env, onOutput });
  try {
    const read = JSON.parse(readFileSync(counts, "utf8"));
    // A run that ended badly without a failed test (no test found, a crashed fork) has failed once.
    const failed = code !== 0 && read.failed === 0 ? 1 : read.failed;
    return { ...read, failed, output: stdout + stderr };
  } catch {
    return {
      passed: 0,
      failed: 1,
      skips: [],
      output: `${stdout}${stderr}\nvitest ended without its counts\n`,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
