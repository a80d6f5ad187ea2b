import { describe, expect, test } from "vitest";
import { adapterByName } from "../../adapters/index.ts";
import type { Client } from "../../client/index.ts";
import type { ReusableCase, WorkerView } from "../../protocol/index.ts";
import { findReusable, inputsOf, withoutReused } from "./reuse.ts";
import type { FoundSuite } from "./suites.ts";

function suiteOf(change: Partial<FoundSuite> = {}, files = ["a.py", "b.py"]): FoundSuite {
  const adapter = adapterByName("pytest");
  if (adapter === undefined) throw new Error("no pytest adapter");
  const discovery = { files: files.map((path) => ({ path })), problems: [], interpreter: "python 3.11" };
  return { adapter, root: "/w/py", suite: "py", evidence: "", patterns: [], discovery, ...change };
}

const shared = { treeHash: "t", args: ["-x"], env: { B: "2", A: "1" } };

describe("inputs of a suite", () => {
  const same = inputsOf(suiteOf(), shared);

  test("do not hang on the order of the environment, nor on which files are run", () => {
    expect(inputsOf(suiteOf({}, ["a.py"]), { ...shared, env: { A: "1", B: "2" } })).toBe(same);
  });

  test.each([
    ["tree", suiteOf(), { ...shared, treeHash: "u" }],
    ["arguments", suiteOf(), { ...shared, args: [] }],
    ["environment", suiteOf(), { ...shared, env: { A: "1", B: "3" } }],
    ["suite", suiteOf({ suite: "other" }), shared],
    ["framework", suiteOf({ adapter: adapterByName("vitest") as FoundSuite["adapter"] }), shared],
    ["interpreter", suiteOf({ discovery: { files: [], problems: [], interpreter: "python 3.12" } }), shared],
  ])("are others with another %s", (_, suite, options) => {
    expect(inputsOf(suite, options)).not.toBe(same);
  });
});

function reusable(file: string, task_id: string, hw_class: string): ReusableCase {
  const texts = {
    test_id: file,
    framework: "pytest",
    file,
    name: "t",
    worker_id: "w",
    run_id: `r-${task_id}`,
  };
  const none = { parameters: null, message: null, detail: null, stdout: null, stderr: null, retries: null };
  const numbers = { attempt: 1, is_final: true, case_number: 0, duration_ms: 1, expected_failure: null };
  return { ...texts, ...none, ...numbers, task_id, hw_class, outcome: "passed" };
}

function clientWith(cases: ReusableCase[], classes: string[]): Client {
  const workers = classes.map((hw_class) => ({ state: "online", hw_class }) as WorkerView);
  return { workers: async () => workers, reusableCases: async () => cases } as unknown as Client;
}

describe("reusable files", () => {
  const suite = suiteOf();
  const find = (cases: ReusableCase[]) =>
    findReusable(clientWith(cases, ["here"]), { project: "p", inputs: new Map([[suite, "hash"]]) });

  test("are those that passed on a class of machine that is here", async () => {
    const found = await find([reusable("py/a.py", "t1", "here"), reusable("py/b.py", "t2", "elsewhere")]);
    expect(found?.map(({ files, from }) => [files, from])).toEqual([
      [["a.py"], { task_id: "t1", run_id: "r-t1" }],
    ]);
    expect(withoutReused([suite], found ?? [])[0]?.discovery.files).toEqual([{ path: "b.py" }]);
  });

  test("count once when two tasks ran them, and not at all when the suite has lost them", async () => {
    const twice = [reusable("py/a.py", "t1", "here"), reusable("py/a.py", "t2", "here")];
    const found = await find([...twice, reusable("py/gone.py", "t1", "here")]);
    expect(found?.flatMap(({ cases }) => cases)).toEqual([twice[0]]);
  });
});
