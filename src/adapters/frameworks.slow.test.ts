// The samples, run by the real tools. With TESTYARD_RECORD=1 what the tools said is kept for the unit tests:
// fixtures/ADAPTER/report.jsonl, with the sample's folder written as /suite.
import { mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { onlyCases } from "./cases.ts";
import type { Sample } from "./frameworks.testing.ts";
import { SAMPLES } from "./frameworks.testing.ts";
import { adapterByName } from "./index.ts";
import type { Adapter, CaseRef } from "./adapter.ts";
import type { Project, RealRun } from "./real-run.testing.ts";
import { outcomes, project, realRun, run } from "./real-run.testing.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const modules = join(here, "..", "..", "test", "frameworks", "node_modules");
const opened: Project[] = [];

afterEach(async () => {
  for (const made of opened.splice(0)) await made.remove();
});

async function isThere(sample: Sample): Promise<boolean> {
  const program = { "go-test": ["go", "version"], "cargo-test": ["cargo", "--version"] }[
    sample.adapter as string
  ];
  if (program === undefined) return (await readdir(modules).catch(() => [])).length > 0;
  const answer = run(program, { cwd: here, timeout_ms: 30_000 }).catch(() => null);
  return (await answer)?.code === 0;
}

const THERE = new Map(await Promise.all(SAMPLES.map(async (it) => [it.adapter, await isThere(it)] as const)));

async function opening(
  name: string,
  files?: Record<string, string>,
): Promise<{ adapter: Adapter; root: string }> {
  const sample = SAMPLES.find((each) => each.adapter === name);
  const adapter = adapterByName(name);
  if (sample === undefined || adapter === undefined) throw new Error(`no sample for ${name}`);
  const made = await project(files ?? sample.files);
  opened.push(made);
  if (!["go-test", "cargo-test"].includes(name)) await symlink(modules, join(made.root, "node_modules"));
  return { adapter, root: made.root };
}

async function record(name: string, root: string, resultDir: string): Promise<void> {
  if (!process.env["TESTYARD_RECORD"]) return;
  const report = (await readdir(resultDir)).find((file) => file.endsWith(".jsonl")) ?? "";
  const content = await readFile(join(resultDir, report), "utf8");
  const folder = join(here, "fixtures", name);
  await mkdir(folder, { recursive: true });
  const plain = content
    .replaceAll(await realpath(root), "/suite")
    .replaceAll(await realpath(modules), "/modules");
  await writeFile(
    join(folder, report),
    plain.replaceAll(resultDir, "/results").replaceAll(process.env["HOME"] ?? "~", "/home"),
  );
}

describe.each(SAMPLES)("$adapter (skipped where it is not installed)", (sample) => {
  test.skipIf(!THERE.get(sample.adapter))(
    "finds the files and says what runs them",
    async () => {
      const { adapter, root } = await opening(sample.adapter);
      expect(await adapter.detect(root)).not.toBeNull();
      const found = await adapter.discover({ root, run });
      expect(found.files.map((file) => file.path)).toEqual(sample.paths);
      expect(found.interpreter).toMatch(/\d+\.\d+\.\d+.*(?:\/|\\)/);
      const [first = ""] = sample.paths.slice(1);
      const one = await adapter.discover({ root, run, patterns: [first] });
      expect(one.files.map((file) => file.path)).toEqual([first]);
    },
    120_000,
  );

  test.skipIf(!THERE.get(sample.adapter))(
    "gives every case its outcome",
    async () => {
      const { adapter, root } = await opening(sample.adapter);
      const keep = (resultDir: string): Promise<void> => record(sample.adapter, root, resultDir);
      const done = await realRun(adapter, { root, files: sample.paths, keep, timeout_ms: 300_000 });
      expect(outcomes(done.cases)).toEqual(sample.outcomes);
    },
    300_000,
  );

  test.skipIf(!THERE.get(sample.adapter))(
    "a file by itself has the cases that it has among others",
    async () => {
      const { adapter, root } = await opening(sample.adapter);
      const file = sample.paths.at(-1) ?? "";
      const done = await realRun(adapter, { root, files: [file], timeout_ms: 120_000 });
      expect(outcomes(done.cases)).toEqual(sample.outcomes.filter((line) => line.startsWith(`${file}::`)));
    },
    120_000,
  );

  test.skipIf(!THERE.get(sample.adapter))(
    "a run cut off by its time limit accounts for each file",
    async () => {
      const { adapter, root } = await opening(sample.adapter);
      const done = await realRun(adapter, { root, files: sample.paths, timeout_ms: 1 });
      const files = new Set(done.cases.map((each) => each.file));
      expect(sample.paths.filter((path) => !files.has(path))).toEqual([]);
      expect(done.cases.every((each) => each.outcome === "error")).toBe(true);
    },
    60_000,
  );
});

async function again(name: string, cases: CaseRef[]): Promise<{ reported: string[]; all: RealRun }> {
  const { adapter, root } = await opening(name);
  const files = [...new Set(cases.map((each) => each.file))];
  const all = await realRun(adapter, { root, files, cases, timeout_ms: 300_000 });
  return { reported: outcomes(onlyCases(all, { cases }).cases), all };
}

const of = (file: string, ...names: string[]): CaseRef[] => names.map((name) => ({ file, name }));

describe("single cases run again", () => {
  const chosen: [string, CaseRef[]][] = [
    ["jest", of("a.test.js", "each 2", "group > deep > inside")],
    ["mocha", of("spec/a.js", "group > bad", "second try")],
    ["playwright", of("e2e/a.spec.js", "one", "group > bad")],
    ["go-test", of(".", "TestSubs/(x)", "TestSubs/ü", "TestOne")],
    ["cargo-test", of("src/lib.rs", "tests::adds", "tests::größe::ü", "src/lib.rs - add (line 5)")],
  ];
  const isThereFor = (name: string): boolean =>
    SAMPLES.some((it) => it.adapter === name && THERE.get(it.adapter));
  for (const [name, cases] of chosen)
    test.skipIf(!isThereFor(name))(
      `${name} (skipped where it is not installed)`,
      { timeout: 300_000 },
      async () => {
        const sample = SAMPLES.find((each) => each.adapter === name);
        const { reported, all } = await again(name, cases);
        const isChosen = (line: string): boolean =>
          cases.some((each) => line.startsWith(`${each.file}::${each.name} `));
        expect(reported).toEqual(sample?.outcomes.filter(isChosen));
        // The tool itself ran no others, save the test around a subtest.
        const ran = all.cases.filter((each) => each.outcome !== "skipped").map((each) => each.name);
        const known = [...cases.map((each) => each.name), "prepare", "TestSubs"];
        expect(ran.filter((each) => !known.includes(each))).toEqual([]);
      },
    );
});
