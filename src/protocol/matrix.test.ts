import { describe, expect, it } from "vitest";
import { expandMatrix, type MatrixInput } from "./matrix.ts";
import { taskInput, type TaskInput } from "./task-input.ts";
import { validate } from "./validate.ts";

const task = (matrix: MatrixInput, more: Partial<TaskInput> = {}): TaskInput => ({
  type: "test",
  name: "suite",
  matrix,
  ...more,
});
function expanded(input: TaskInput): TaskInput[] {
  const all = expandMatrix(input, "test");
  if (!all.ok) throw new Error(all.error.message);
  return all.tasks;
}
const names = (input: TaskInput) => expanded(input).map(({ name }) => name);
const refusal = (input: TaskInput) => {
  const all = expandMatrix(input, "test");
  return all.ok ? null : all.error.message;
};

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("a matrix", () => {
  it("makes every combination, the last axis turning fastest", () => {
    expect(names(task({ browser: ["chromium", "firefox"], size: [1, 2] }))).toEqual([
      "suite [browser=chromium, size=1]",
      "suite [browser=chromium, size=2]",
      "suite [browser=firefox, size=1]",
      "suite [browser=firefox, size=2]",
    ]);
  });

  it("asks for what the axes with a meaning name, and hands all values to the task", () => {
    const axes = { hardware: ["cuda"], browser: ["firefox"], os: ["linux"], arch: ["x64"], size: [2] };
    const [one] = expanded(task(axes, { requirements: { min_memory_gb: 1 } }));
    expect(one?.requirements).toEqual({
      min_memory_gb: 1,
      hardware: ["cuda"],
      browsers: ["firefox"],
      os: ["linux"],
      arch: ["x64"],
    });
    expect(one?.env).toMatchObject({ TESTYARD_MATRIX_BROWSER: "firefox", TESTYARD_MATRIX_SIZE: "2" });
    expect(one?.config).toEqual({ matrix: { ...mapFirst(axes) } });
    expect(one).not.toHaveProperty("matrix");
    expect(validate(taskInput, one)).toMatchObject({ ok: true });
  });

  it("fills placeholders wherever a string stands, and keeps a number that stands alone", () => {
    const [one] = expanded(
      task(
        { size: [2] },
        {
          name: "load ${{ matrix.size }}",
          config: { command: ["load", "--n=${{matrix.size}}"], deep: [{ n: "${{ matrix.size }}" }] },
          env: { N: "n${{ matrix.size }}" },
          requirements: { labels: { rack: "r${{ matrix.size }}" } },
        },
      ),
    );
    expect(one).toMatchObject({
      name: "load 2 [size=2]",
      config: { command: ["load", "--n=2"], deep: [{ n: 2 }] },
      env: { N: "n2" },
      requirements: { labels: { rack: "r2" } },
    });
  });

  it("leaves out what is excluded and adds what is included, each once", () => {
    const matrix = {
      os: ["linux", "darwin"],
      arch: ["x64", "arm64"],
      exclude: [{ os: "darwin", arch: "x64" }],
      include: [
        { os: "linux", arch: "riscv64" },
        { os: "linux", arch: "x64" },
      ],
    };
    expect(names(task(matrix))).toEqual([
      "suite [os=linux, arch=x64]",
      "suite [os=linux, arch=arm64]",
      "suite [os=darwin, arch=arm64]",
      "suite [os=linux, arch=riscv64]",
    ]);
  });

  it.each<[string, MatrixInput, RegExp]>([
    ["too many", { a: range(100), b: range(11) }, /1100 combinations, the limit is 1000/],
    ["nothing", { a: [1], exclude: [{ a: 1 }] }, /no combination is left/],
    ["no axis", {}, /no combination is left/],
    ["an unknown axis in exclude", { a: [1], exclude: [{ b: 1 }] }, /exclude names the axis "b"/],
    ["a name that is none", { "a-b": [1] }, /"a-b" is no name of an axis/],
  ])("is refused when it makes %s", (_what, matrix, message) => {
    expect(refusal(task(matrix))).toMatch(message);
  });

  it("is refused when a placeholder names no axis", () => {
    expect(refusal(task({ a: [1] }, { config: { x: "${{ matrix.b }}" } }))).toMatch(/matrix\.b/);
  });

  it("says where it is wrong", () => {
    const wrong = validate(taskInput, task({ a: [] }));
    expect(wrong).toMatchObject({ ok: false, errors: [{ pointer: "/matrix/a" }] });
  });

  it("is nothing to a task without one", () => {
    const plain: TaskInput = { type: "command" };
    expect(expandMatrix(plain, "x")).toEqual({ ok: true, tasks: [plain] });
  });
});

function mapFirst(axes: Record<string, readonly unknown[]>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(axes).map(([name, [first]]) => [name, first]));
}
