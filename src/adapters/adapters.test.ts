import { afterEach, describe, expect, test } from "vitest";
import fc from "fast-check";
import { tmpdir } from "node:os";
import { caseResult, DETAIL_BYTES, MESSAGE_BYTES, truncate } from "./bounds.ts";
import { adapterByName, adapters, detectAdapters, NoCommand } from "./index.ts";
import { foldNodeTest } from "./node-test-report.ts";
import { parseNodeTestScript } from "./node-test-script.ts";
import { foldPytest } from "./pytest-report.ts";
import type { Project } from "./real-run.testing.ts";
import { outcomes, project, realRun } from "./real-run.testing.ts";
import { foldVitest } from "./vitest-report.ts";

const opened: Project[] = [];

async function suite(files: Record<string, string>): Promise<string> {
  const made = await project(files);
  opened.push(made);
  return made.root;
}

afterEach(async () => {
  for (const made of opened.splice(0)) await made.remove();
});

test("every adapter is found by its name, others are not", () => {
  for (const adapter of adapters()) expect(adapterByName(adapter.name)).toBe(adapter);
  expect(adapterByName("jasmine")).toBeUndefined();
});

describe("detection says by what", () => {
  test.each([
    [{ "pyproject.toml": "[tool.pytest.ini_options]\n" }, ["pytest: pyproject.toml"]],
    [{ "pyproject.toml": "[tool.black]\n" }, []],
    [{ "tests/deep/test_a.py": "" }, ["pytest: tests/deep/test_a.py"]],
    [{ "package.json": "{}", "tests/test_a.py": "" }, []],
    [
      { "package.json": '{"devDependencies":{"vitest":"4"}}' },
      ["vitest: package.json devDependencies.vitest"],
    ],
    [{ "package.json": '{"scripts":{"t":"npx vitest run"}}' }, ["vitest: package.json scripts.t"]],
    [{ "vitest.config.mts": "" }, ["vitest: vitest.config.mts"]],
    [{ "package.json": '{"scripts":{"test":"node --test"}}' }, ["node-test: package.json scripts.test"]],
    [{ "package.json": "{ not json" }, []],
    [{ "jest.config.ts": "" }, ["jest: jest.config.ts"]],
    [{ "package.json": '{"jest":{}}' }, ["jest: package.json jest"]],
    [{ "package.json": '{"scripts":{"t":"npx jest -i"}}' }, ["jest: package.json scripts.t"]],
    [{ "package.json": '{"scripts":{"all":"npm run jest","t":"rm -rf mocha"}}' }, []],
    [{ "package.json": '{"dependencies":{"jest":"1"}}' }, ["jest: package.json dependencies.jest"]],
    [{ "package.json": '{"mocha":{}}' }, ["mocha: package.json mocha"]],
    [{ ".mocharc.yml": "" }, ["mocha: .mocharc.yml"]],
    [{ "package.json": '{"scripts":{"test":"nyc mocha test"}}' }, ["mocha: package.json scripts.test"]],
    [{ "playwright.config.ts": "" }, ["playwright: playwright.config.ts"]],
    [{ "package.json": '{"devDependencies":{"@playwright/test":"1"}}' }, []],
    [{ "package.json": '{"scripts":{"e2e":"playwright test"}}' }, ["playwright: package.json scripts.e2e"]],
    [{ "go.mod": "" }, ["go-test: go.mod"]],
    [{ "Cargo.toml": "" }, ["cargo-test: Cargo.toml"]],
  ])("%j", async (files, expected) => {
    const found = await detectAdapters(await suite(files));
    expect(found.map((each) => `${each.adapter.name}: ${each.evidence}`)).toEqual(expected);
  });
});

describe("package.json scripts of node:test", () => {
  test.each([
    ["node --test", { runner: "node", flags: [], targets: [] }],
    [
      "NODE_ENV=test node --import tsx --test test/*.ts",
      { env: { NODE_ENV: "test" }, flags: ["--import", "tsx"] },
    ],
    [
      "npm run build && c8 node --test --test-reporter=dot --test-concurrency 2 dist/",
      { flags: ["--test-concurrency", "2"] },
    ],
    [
      "tsx --test 'src/**/*.test.ts' 2>&1",
      { runner: "tsx", targets: [{ text: "src/**/*.test.ts", quoted: true }] },
    ],
    ["node --test --watch --test-shard 1/2 a.js", { flags: [], targets: [{ text: "a.js", quoted: false }] }],
  ])("%s", (line, expected) => {
    expect(parseNodeTestScript("test", line)).toMatchObject(expected);
  });

  test.each(["node build.js", "jest --test", "", "echo node; --test"])("not: %s", (line) => {
    expect(parseNodeTestScript("test", line)).toBeNull();
  });
});

describe("a plain command", () => {
  const command = adapterByName("command") ?? adapters()[0];
  if (command === undefined) throw new Error("no adapter");
  const root = tmpdir();

  test.each([
    [["true"], "passed"],
    [["sh", "-c", "exit 3"], "failed"],
    [["sh", "-c", "kill -9 $$"], "failed"],
    [["sh", "-c", "/no/such/program"], "error"],
  ])("%j is %s", async (args, outcome) => {
    const { cases } = await realRun(command, { root, files: [], args });
    expect(outcomes(cases)).toEqual([`::(run) ${outcome}`]);
  });

  test("fills in its files", async () => {
    const files = ["a b.sh", "c.sh"];
    const args = ["sh", "-c", 'test "$1" = "a b.sh" -a "$2" = c.sh', "sh", "{files}"];
    const { cases } = await realRun(command, { root, files, args });
    expect(cases[0]?.outcome).toBe("passed");
  });

  test("without a command and with several files it is refused", async () => {
    await expect(realRun(command, { root, files: ["a", "b"] })).rejects.toThrow(NoCommand);
  });
});

describe("bounds", () => {
  test("a cut text is short, whole in its characters, and says so", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 400 }),
        fc.integer({ min: 60, max: 300 }),
        (text, limit) => {
          const cut = truncate(text, limit);
          expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(Math.max(limit, 0));
          if (Buffer.byteLength(text) > limit) expect(cut).toMatch(/… cut: \d+ bytes in all$/);
          else expect(cut).toBe(text);
        },
      ),
    );
  });

  test("a case is bounded, plain and valid JSON whatever it is made of", () => {
    const long = `\u001b[31mred\u001b[0m ${"x".repeat(100_000)}\ud800`;
    const made = caseResult({
      file: "f",
      name: long,
      outcome: "failed",
      durationMs: Number.NaN,
      message: long,
      detail: long,
    });
    expect(made.message?.startsWith("red x")).toBe(true);
    expect(Buffer.byteLength(made.message ?? "")).toBeLessThanOrEqual(MESSAGE_BYTES);
    expect(Buffer.byteLength(made.detail ?? "")).toBeLessThanOrEqual(DETAIL_BYTES);
    expect(made.duration_ms).toBe(0);
    expect(JSON.stringify(made)).not.toContain("\\ud800");
  });
});

test("events in any order and of any shape make no fold throw", () => {
  const kind = fc.constantFrom(
    "start",
    "file",
    "begin",
    "done",
    "case",
    "collect",
    "items",
    "report",
    "internal",
    "suite_error",
    "file_done",
    "output",
    "finish",
  );
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string(), { maxLength: 3 }),
  );
  const keys = fc.constantFrom(
    "file",
    "name",
    "outcome",
    "when",
    "nesting",
    "number",
    "state",
    "errors",
    "unhandled",
    "sections",
    "items",
    "id",
    "suite",
    "whole_file",
    "status",
    "subtest",
  );
  const event = fc
    .tuple(kind, fc.dictionary(keys, value, { maxKeys: 6 }))
    .map(([of, rest]) => ({ ...rest, kind: of }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 20 }), (events) => {
      foldPytest(events, "ended");
      foldNodeTest(events, { root: "/r", why: "ended" });
      foldVitest(events, { root: "/r", files: ["a"], why: "ended" });
    }),
    { numRuns: 500 },
  );
});
