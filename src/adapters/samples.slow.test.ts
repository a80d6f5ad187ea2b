import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adapterByName, detectAdapters } from "./index.ts";
import { findPython } from "./pytest-interpreter.ts";
import type { RealRun } from "./real-run.testing.ts";
import { count, realRun, run } from "./real-run.testing.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));
const hasPytest = (await findPython("/", run)).python !== null;
const path = process.env["PATH"] ?? "";
let copies = "";

// Only the suites' own folder travels, to a place that has no packages above it; vitest is on PATH, as
// it is in everything that npm starts.
beforeAll(async () => {
  copies = await mkdtemp(join(tmpdir(), "testyard-samples-"));
  await cp(join(repository, "examples", "suites"), copies, { recursive: true });
  process.env["PATH"] = [join(repository, "node_modules", ".bin"), path].join(delimiter);
});

afterAll(async () => {
  process.env["PATH"] = path;
  await rm(copies, { recursive: true, force: true });
});

async function runSample(name: string, attempt: string): Promise<RealRun & { paths: string[] }> {
  const root = join(copies, name);
  const [found] = await detectAdapters(root);
  const adapter = adapterByName(name);
  if (found === undefined || adapter !== found.adapter) throw new Error(`${name} was not detected`);
  const { files, problems } = await adapter.discover({ root, run });
  expect(problems).toEqual([]);
  const paths = files.map((file) => file.path);
  return { ...(await realRun(adapter, { root, files: paths, env: { TESTYARD_ATTEMPT: attempt } })), paths };
}

describe("the sample suites, copied away from the repository", () => {
  test.skipIf(!hasPytest)("pytest (skipped where no Python has it)", { timeout: 60_000 }, async () => {
    const { cases, paths } = await runSample("pytest", "1");
    expect(paths).toHaveLength(3);
    expect(count(cases)).toEqual({ passed: 14, failed: 1, skipped: 2 });
  });

  test("node:test: flaky on the first attempt only", { timeout: 60_000 }, async () => {
    const first = await runSample("node-test", "1");
    expect(first.paths).toHaveLength(3);
    expect(count(first.cases)).toEqual({ passed: 7, failed: 1, skipped: 1 });
    expect(count((await runSample("node-test", "2")).cases)).toEqual({ passed: 8, skipped: 1 });
  });

  test("vitest: flaky on the first attempt only", { timeout: 60_000 }, async () => {
    const first = await runSample("vitest", "1");
    expect(first.paths).toHaveLength(4);
    expect(count(first.cases)).toEqual({ passed: 11, failed: 2, skipped: 1 });
    expect(count((await runSample("vitest", "2")).cases)).toEqual({ passed: 12, failed: 1, skipped: 1 });
  });
});
