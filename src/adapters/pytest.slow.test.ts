import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { pytestAdapter } from "./pytest.ts";
import { findPython } from "./pytest-interpreter.ts";
import type { Project } from "./real-run.testing.ts";
import { count, execute, outcomes, project, realRun, run } from "./real-run.testing.ts";

const here = await findPython("/", run);
const python = here.python?.path ?? "";
const opened: Project[] = [];

async function suite(files: Record<string, string>): Promise<string> {
  const made = await project(files);
  opened.push(made);
  return made.root;
}

afterEach(async () => {
  for (const made of opened.splice(0)) await made.remove();
});

/** What pytest itself says at the end, e.g. {passed: 2, failed: 1}. */
async function ownCounts(root: string, args: string[]): Promise<Record<string, number>> {
  const { stdout } = await execute([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ...args], {
    cwd: root,
    timeout_ms: 60_000,
  });
  const last = stdout.trim().split("\n").at(-1) ?? "";
  const counts: Record<string, number> = {};
  for (const [, number, word] of last.matchAll(
    /(\d+) (passed|failed|skipped|errors?|xfailed|xpassed|deselected)/g,
  )) {
    counts[(word ?? "").replace("errors", "error")] = Number(number);
  }
  return counts;
}

const MIXED = {
  "pytest.ini":
    "[pytest]\ntestpaths = tests\npython_files = test_*.py check_*.py\n" +
    "addopts = -m 'not off'\nmarkers = off\n",
  "tests/conftest.py":
    "import pytest\n@pytest.fixture\ndef broken():\n    raise RuntimeError('fixture broke')\n",
  "tests/test_all.py": `
import sys, unittest, pytest
def test_pass(): print("out"); print("err", file=sys.stderr)
def test_fail():
    print("said before")
    assert 1 == 2, "one is not two"
@pytest.mark.skip(reason="not today")
def test_skip(): pass
@pytest.mark.xfail(reason="known")
def test_xfail(): assert False
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True)
def test_xstrict(): pass
def test_setup(broken): pass
@pytest.fixture
def leaves():
    yield
    raise ValueError("teardown broke")
def test_teardown(leaves): pass
@pytest.mark.off
def test_off(): assert False
@pytest.mark.parametrize("a,b", [(1, "x::y"), (2, "é")])
def test_param(a, b): assert a < 3
class TestGroup:
    def test_in(self): pass
class Old(unittest.TestCase):
    def test_old(self): self.assertTrue(True)
`,
  "tests/check_more.py": "def test_more(): pass\n",
  "tests/test_broken.py": "import nothing_of_this_name\n",
  "tests/test_skipped_module.py":
    "import pytest\npytest.skip('no such thing here', allow_module_level=True)\n",
  "other/test_outside.py": "def test_outside(): assert False\n",
};

describe.skipIf(python === "")("pytest adapter, with a real pytest (skipped where no Python has one)", () => {
  test("lists the files that pytest would run, without importing them", async () => {
    const root = await suite({
      ...MIXED,
      "tests/left_out/test_no.py": "",
      "tests/left_out/conftest.py": "collect_ignore_glob = ['*']\n",
      "conftest.py": `
import pytest
class Sheet(pytest.File):
    def collect(self): return []
def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".sheet": return Sheet.from_parent(parent, path=file_path)
`,
      "tests/sums.sheet": "",
      "tests/__init__.py": "",
    });
    const found = await pytestAdapter.discover({ root, run });
    expect(found.files.map((file) => file.path).sort()).toEqual([
      "tests/check_more.py",
      "tests/sums.sheet",
      "tests/test_all.py",
      "tests/test_broken.py",
      "tests/test_skipped_module.py",
    ]);
    expect(found.problems).toEqual([]);
    expect(found.interpreter).toMatch(/pytest \d/);
  });

  test("reports a configuration that does not load", async () => {
    const root = await suite({ "conftest.py": "import nothing_of_this_name\n", "test_a.py": "" });
    const { problems } = await pytestAdapter.discover({ root, run });
    expect(problems).toEqual([{ file: "", message: expect.stringContaining("nothing_of_this_name") }]);
  });

  test("gives the outcomes that pytest itself counts", async () => {
    const root = await suite(MIXED);
    const own = await ownCounts(root, ["--continue-on-collection-errors"]);
    const ours = await realRun(pytestAdapter, { root, files: ["tests"] });
    const counts = count(ours.cases);
    // A test that passed and then broke in its teardown is both "passed" and "error" for pytest.
    expect(counts["passed"]).toBe((own["passed"] ?? 0) + (own["xpassed"] ?? 0) - 1);
    expect(counts["failed"]).toBe(own["failed"]);
    expect(counts["error"]).toBe(own["error"]);
    expect(counts["skipped"]).toBe((own["skipped"] ?? 0) + (own["xfailed"] ?? 0));
    expect(outcomes(ours.cases).join("\n")).not.toContain("test_off");
  });

  test("keeps message, traceback, output, parameters and the expected failure", async () => {
    const root = await suite(MIXED);
    const { cases } = await realRun(pytestAdapter, { root, files: ["tests/test_all.py"] });
    const byName = new Map(cases.map((each) => [each.name, each]));
    expect(byName.get("test_fail")).toMatchObject({ outcome: "failed", stdout: "said before\n" });
    expect(byName.get("test_fail")?.message).toContain("one is not two");
    expect(byName.get("test_fail")?.detail).toContain("assert 1 == 2");
    // Code stands as it is indented, the first line too.
    expect(byName.get("test_fail")?.detail).toMatch(/^ {4}def test_fail\(\):\n {8}print/);
    expect(byName.get("test_pass")).toMatchObject({ stdout: "out\n", stderr: "err\n" });
    expect(byName.get("test_skip")?.message).toContain("not today");
    expect(byName.get("test_xfail")).toMatchObject({ outcome: "skipped", expected_failure: true });
    expect(byName.get("test_xstrict")).toMatchObject({ outcome: "failed" });
    expect(byName.get("test_setup")).toMatchObject({
      outcome: "error",
      message: expect.stringMatching(/^setup: /),
    });
    expect(byName.get("test_teardown")).toMatchObject({ outcome: "error" });
    expect(byName.get("test_param[1-x::y]")).toMatchObject({ outcome: "passed", parameters: "1-x::y" });
    expect(byName.get("TestGroup::test_in")).toMatchObject({ file: "tests/test_all.py", outcome: "passed" });
  });

  test("a process that dies names the case it died in and those it never reached", async () => {
    const root = await suite({
      "test_die.py": "import os\ndef test_a(): pass\ndef test_b(): os._exit(7)\ndef test_c(): pass\n",
    });
    const { cases } = await realRun(pytestAdapter, { root, files: ["test_die.py"] });
    expect(outcomes(cases)).toEqual([
      "test_die.py::test_a passed",
      "test_die.py::test_b error",
      "test_die.py::test_c error",
    ]);
    expect(cases[1]?.message).toContain("exited with 7");
  });

  test("a test that closes every file, and opens one of its own, spoils neither", async () => {
    const root = await suite({
      "test_close.py": `
import os
def test_close():
    os.closerange(3, 64)
    for i in range(8): os.open("mine.txt", os.O_WRONLY | os.O_CREAT)
def test_after(): assert os.path.getsize("mine.txt") == 0
`,
    });
    const { cases } = await realRun(pytestAdapter, {
      root,
      files: ["test_close.py"],
      args: ["-p", "no:capture"],
    });
    expect(outcomes(cases)).toEqual(["test_close.py::test_after passed", "test_close.py::test_close passed"]);
  });

  test("everything deselected, or nothing to collect, is no failure", async () => {
    const root = await suite({ "test_none.py": "x = 1\n" });
    const ours = await realRun(pytestAdapter, { root, files: ["test_none.py"] });
    expect(ours).toMatchObject({ cases: [], problems: [], exit: { code: 5 } });
  });

  test("an option pytest does not know is an error of each file asked", async () => {
    const root = await suite({ "test_a.py": "def test_a(): pass\n" });
    const { cases } = await realRun(pytestAdapter, {
      root,
      files: ["test_a.py"],
      args: ["--no-such-option"],
    });
    expect(outcomes(cases)).toEqual(["test_a.py::(file) error"]);
    expect(cases[0]?.detail).toContain("--no-such-option");
  });

  test("a failing exit without a failing case is an error", async () => {
    const root = await suite({
      "conftest.py": "def pytest_sessionfinish(session): session.exitstatus = 1\n",
      "test_a.py": "def test_a(): pass\n",
    });
    const { cases } = await realRun(pytestAdapter, { root, files: ["test_a.py"] });
    expect(outcomes(cases)).toEqual(["test_a.py::(run) error", "test_a.py::test_a passed"]);
  });

  test("one file of a folder with its own configuration still runs under the root's", async () => {
    const root = await suite({
      "pytest.ini": "[pytest]\npython_functions = check_*\n",
      "sub/pytest.ini": "[pytest]\npython_functions = test_*\n",
      "sub/test_a.py": "def check_a(): pass\ndef test_a(): assert False\n",
    });
    const ours = await realRun(pytestAdapter, { root, files: ["sub/test_a.py"] });
    expect(outcomes(ours.cases)).toEqual(["sub/test_a.py::check_a passed"]);
  });

  test("the tests see no trace of it in their environment, path or arguments", async () => {
    const root = await suite({
      "conftest.py": "import os, sys\nassert 'PYTEST_PLUGINS' not in os.environ\n",
      "test_env.py": `
import os, sys, json
def test_env(request):
    assert request.config.invocation_params.args[-1] == "test_env.py"
    assert not [k for k in os.environ if k.startswith("PYTEST_PLUGINS")]
    assert not [k for k, v in os.environ.items() if "testyard-result" in v]
    assert not [p for p in sys.path if "testyard-result" in p]
    assert sys.path[0] == os.getcwd() or sys.path[1] == os.getcwd()
    assert sys.argv[0].endswith(os.path.join("pytest", "__main__.py"))
    assert sys.modules["__main__"].__spec__.name == "pytest.__main__"
`,
    });
    const ours = await realRun(pytestAdapter, { root, files: ["test_env.py"] });
    expect(ours.cases.map((each) => each.message ?? each.outcome)).toEqual(["passed"]);
    expect(ours.log).not.toContain("warning");
  });

  test("a virtual environment that lost its interpreter link in transport works again", async () => {
    const root = await suite({ "test_own.py": "import only_in_venv\ndef test_own(): pass\n" });
    const venv = join(root, ".venv");
    const made = await execute([python, "-m", "venv", "--system-site-packages", "--without-pip", venv], {
      cwd: root,
      timeout_ms: 60_000,
    });
    expect(made.exit.code, made.stderr).toBe(0);
    const asked = await run(
      [join(venv, "bin", "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
      {
        cwd: root,
        timeout_ms: 60_000,
      },
    );
    await mkdir(asked.stdout.trim(), { recursive: true });
    await writeFile(join(asked.stdout.trim(), "only_in_venv.py"), "");
    for (const name of ["python", "python3"]) await rm(join(venv, "bin", name));
    await symlink("/nonexistent/python", join(venv, "bin", "python"));
    const search = await findPython(root, run);
    expect(search.python?.description).toMatch(/^\.venv \(pytest .*bin\/python linked again to /);
    const ours = await realRun(pytestAdapter, { root, files: ["test_own.py"] });
    expect(outcomes(ours.cases)).toEqual(["test_own.py::test_own passed"]);
  });
});
