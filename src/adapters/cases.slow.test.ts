import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { onlyCases } from "./cases.ts";
import { adapterByName } from "./index.ts";
import { findPython } from "./pytest-interpreter.ts";
import type { Project } from "./real-run.testing.ts";
import { outcomes, project, realRun, run } from "./real-run.testing.ts";
import type { AdapterName, CaseRef } from "./adapter.ts";

const hasPytest = (await findPython("/", run)).python !== null;
const repository = fileURLToPath(new URL("../..", import.meta.url));
const opened: Project[] = [];

afterEach(async () => {
  for (const made of opened.splice(0)) await made.remove();
});

/** Each case says on standard output that it ran, so that what ran is known apart from any report. */
async function rerun(
  name: AdapterName,
  files: Record<string, string>,
  options: { cases: CaseRef[]; modules?: string },
): Promise<{ ran: string[]; reported: string[] }> {
  const adapter = adapterByName(name);
  if (adapter === undefined) throw new Error(`no adapter ${name}`);
  const made = await project(files);
  opened.push(made);
  if (options.modules) await symlink(join(repository, options.modules), join(made.root, "node_modules"));
  const args = name === "pytest" ? ["-s"] : [];
  const asked = [...new Set(options.cases.map((each) => each.file))];
  const done = await realRun(adapter, { root: made.root, files: asked, cases: options.cases, args });
  const ran = [...done.log.matchAll(/RAN<(.*?)>/g)].map((match) => match[1] ?? "").sort();
  return {
    ran,
    reported: outcomes(onlyCases(done, { cases: options.cases, carrier: adapter.carrier }).cases),
  };
}

const ODD = "odd (1) [x] a/b $^.*+? \"q\" 'q' ü ☃ \\d";
const jsTests = (header: string): string => `${header}
const say = (name) => console.log("RAN<" + name + ">");
test("plain", () => say("plain"));
test("plain more", () => say("plain more"));
test(${JSON.stringify(ODD)}, () => say("odd"));
describe("group", () => {
  test("plain", () => say("group plain"));
  test("other", () => say("group other"));
});
`;

describe("vitest runs again", () => {
  const files = { "a.test.js": jsTests('import { describe, test } from "vitest";') };
  test.each([
    ["one by its whole name", ["plain"], ["plain"]],
    ["one with odd characters", [ODD], ["odd"]],
    ["one of a group and one outside", ["group > other", "plain"], ["group other", "plain"]],
    ["a group", ["group > (group)"], ["group other", "group plain"]],
  ])("%s", { timeout: 60_000 }, async (_title, names, ran) => {
    const cases = names.map((name) => ({ file: "a.test.js", name }));
    const done = await rerun("vitest", files, { cases, modules: "node_modules" });
    expect(done.ran).toEqual(ran);
    expect(done.reported).toHaveLength(ran.length);
  });
});

describe("node:test runs again", () => {
  const files = {
    "a.test.js": `${jsTests('const { describe, test } = require("node:test");')}
test("parent", async (t) => {
  await t.test("one", () => say("parent one"));
  await t.test("two", () => say("parent two"));
});
`,
  };
  test.each([
    ["one by its whole name", ["plain more"], ["plain more"]],
    ["one with odd characters", [ODD], ["odd"]],
    ["one of a group", ["group > other"], ["group other"]],
    ["a group", ["group > (group)"], ["group other", "group plain"]],
    ["a test with its subtests", ["parent", "parent > two"], ["parent one", "parent two"]],
  ])("%s", { timeout: 60_000 }, async (_title, names, ran) => {
    const cases = names.map((name) => ({ file: "a.test.js", name }));
    const done = await rerun("node-test", files, { cases });
    expect(done.ran).toEqual(ran);
    expect(done.reported.every((line) => line.endsWith(" passed"))).toBe(true);
    expect(done.reported).toHaveLength(names[0] === "group > (group)" ? 2 : names.length);
  });

  test("a subtest whose test was not named did not run, and that is an error", async () => {
    const done = await rerun("node-test", files, { cases: [{ file: "a.test.js", name: "parent > two" }] });
    expect(done).toEqual({ ran: [], reported: ["a.test.js::parent > two error"] });
  });
});

const FRAMEWORKS = "test/frameworks/node_modules";
const hasFrameworks = existsSync(join(repository, FRAMEWORKS));
const PLAYWRIGHT = 'const { test } = require("@playwright/test"); const { describe } = test;';

describe.skipIf(!hasFrameworks)(
  "jest, mocha and Playwright run again (skipped without test/frameworks)",
  () => {
    const suites: [AdapterName, Record<string, string>, string][] = [
      ["jest", { "a.test.js": jsTests(""), "package.json": "{}" }, "a.test.js"],
      [
        "mocha",
        {
          "test/a.js": jsTests("const test = it;"),
          "test/b.js": 'it("plain", () => console.log("RAN<b>"));',
        },
        "test/a.js",
      ],
      [
        "mocha",
        { "test/a.js": jsTests("const test = it;"), ".mocharc.json": '{"parallel":true}' },
        "test/a.js",
      ],
      ["playwright", { "playwright.config.js": "", "a.spec.js": jsTests(PLAYWRIGHT) }, "a.spec.js"],
    ];
    test.each(suites)(
      "%s: just the named ones, whatever is in their names",
      async (adapter, files, file) => {
        const again = (...names: string[]): Promise<{ ran: string[]; reported: string[] }> =>
          rerun(adapter, files, { cases: names.map((name) => ({ file, name })), modules: FRAMEWORKS });
        const whole = Object.hasOwn(files, ".mocharc.json");
        const one = await again("plain");
        expect(one.reported).toEqual([`${file}::plain passed`]);
        const odd = await again(ODD, "group > other");
        expect(odd.reported).toEqual([`${file}::group > other passed`, `${file}::${ODD} passed`].sort());
        // In parallel mode mocha's reporter does not see the tests, so all of the file runs.
        if (whole) return;
        expect(one.ran).toEqual(["plain"]);
        expect(odd.ran).toEqual(["group other", "odd"]);
      },
      120_000,
    );
  },
);

describe.skipIf(!hasPytest)("pytest runs again (skipped where no Python has it)", () => {
  const files = {
    "test_a.py": `
import pytest
def say(name): print("RAN<%s>" % name)
def test_plain(): say("plain")
def test_plain_more(): say("plain more")
@pytest.mark.parametrize("x", ["a b", "a::b/[c]", "ü", "q'\\"q"])
def test_odd(x): say("odd " + x)
class TestGroup:
    def test_plain(self): say("group plain")
`,
  };
  test.each([
    ["one by its whole name", ["test_plain"], ["plain"]],
    ["one of a class", ["TestGroup::test_plain"], ["group plain"]],
    ["one set of odd parameters", ["test_odd[a::b/[c]]"], ["odd a::b/[c]"]],
    ["another", ["test_odd[a b]", "test_odd[q'\"q]"], ["odd a b", "odd q'\"q"]],
  ])("%s", { timeout: 60_000 }, async (_title, names, ran) => {
    const cases = names.map((name) => ({ file: "test_a.py", name }));
    const done = await rerun("pytest", files, { cases });
    expect(done.reported).toEqual(names.map((name) => `test_a.py::${name} passed`).sort());
    expect(done.ran).toEqual(ran.sort());
  });
});

test("more cases than a command line holds run with their files; only they are reported", async () => {
  const long = "x".repeat(300);
  const body = Array.from({ length: 1000 }, (_, i) => `test("${long} ${i}", () => {});`).join("\n");
  const files = { "a.test.js": `const { test } = require("node:test");\n${body}\n` };
  const cases = Array.from({ length: 990 }, (_, i) => ({ file: "a.test.js", name: `${long} ${i}` }));
  const vitest = { "a.test.js": `import { test } from "vitest";\n${body}\n` };
  expect((await rerun("vitest", vitest, { cases, modules: "node_modules" })).reported).toHaveLength(990);
  expect((await rerun("node-test", files, { cases })).reported).toHaveLength(990);
}, 60_000);
