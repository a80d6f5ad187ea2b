// Which `go test` runs single cases need, decided without Go: the driver that would be started is read.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CaseRef, RunProcess } from "./adapter.ts";
import { GO_DRIVER_FILE } from "./go-driver.ts";
import { goTestAdapter } from "./go-test.ts";
import { project } from "./real-run.testing.ts";

async function patternsFor(cases: CaseRef[]): Promise<[string, string | null][]> {
  const made = await project({ "go.mod": "module x\n", "sub/go.mod": "module y\n" });
  const resultDir = await mkdtemp(join(tmpdir(), "testyard-go-"));
  onTestFinished(async () => {
    await made.remove();
    await rm(resultDir, { recursive: true, force: true });
  });
  const run: RunProcess = async (_argv, { cwd }) => {
    const path = cwd.endsWith("sub") ? "y" : "x";
    return { code: 0, stdout: `${path}\t${cwd}\t\n${path}/b\t${join(cwd, "b")}\t\n`, stderr: "" };
  };
  const files = [...new Set(cases.map((each) => each.file))];
  await goTestAdapter.command({ root: made.root, files, cases, resultDir, run });
  const driver = await readFile(join(resultDir, GO_DRIVER_FILE), "utf8");
  const groups = JSON.parse(/^const GROUPS = (.*);$/m.exec(driver)?.[1] ?? "[]") as {
    packages: { path: string }[];
    pattern: string | null;
  }[];
  return groups.map((each) => [each.packages.map((one) => one.path).join(" "), each.pattern]);
}

const at = (file: string, ...names: string[]): CaseRef[] => names.map((name) => ({ file, name }));

test("tests of one package share a run, packages do not", async () => {
  const found = await patternsFor([...at(".", "TestA", "TestB"), ...at("b", "TestA")]);
  expect(found).toEqual([
    ["x", "^(TestA|TestB)$"],
    ["x/b", "^(TestA)$"],
  ]);
});

test("subtests share a run with those of the same parent alone", async () => {
  const found = await patternsFor(at("b", "TestA/x", "TestA/y (1)", "TestB/x", "TestC/d/e"));
  expect(found.map(([, pattern]) => pattern)).toEqual([
    "^TestA$/^(x|y \\(1\\))$",
    "^TestB$/^(x)$",
    "^TestC$/^d$/^(e)$",
  ]);
});

test("a test named beside its subtests is not run whole", async () => {
  const found = await patternsFor(at(".", "TestA", "TestA/x"));
  expect(found).toEqual([["x", "^TestA$/^(x)$"]]);
});

test("a package named whole runs without a pattern, in the module that it belongs to", async () => {
  const found = await patternsFor([...at("sub/b", "(file)"), ...at(".", "TestA")]);
  expect(found).toEqual([
    ["y/b", null],
    ["x", "^(TestA)$"],
  ]);
});
