import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Problem } from "../../protocol/index.ts";
import type { SubmitAnswer, TaskDetail } from "../../protocol/index.ts";
import { openYard, post, type Yard } from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
});
afterEach(() => yard.close());

const command = { type: "command", config: { command: ["true"] } };
const submit = (...tasks: object[]) => post(yard, "/api/tasks/bulk", { tasks });
const shown = async (id = "") => (await yard.app.inject({ url: `/api/tasks/${id}` })).json<TaskDetail>();

describe("a task with a matrix", () => {
  test("becomes one task for each combination, and who depends on it depends on all", async () => {
    const build = { ...command, name: "build", matrix: { os: ["linux", "darwin"], size: [1, 2] } };
    const response = await submit(command, build, { ...command, name: "after", dependencies: ["build"] });
    expect(response.statusCode, response.body).toBe(201);
    const { task_ids } = response.json<SubmitAnswer>();
    expect(task_ids).toHaveLength(6);
    const details = await Promise.all(task_ids.map((id) => shown(id)));
    expect(details.map(({ name }) => name).slice(1, 5)).toEqual([
      "build [os=linux, size=1]",
      "build [os=linux, size=2]",
      "build [os=darwin, size=1]",
      "build [os=darwin, size=2]",
    ]);
    expect(details[3]?.requirements).toEqual({ os: ["darwin"] });
    expect(details[3]?.config).toMatchObject({ matrix: { os: "darwin", size: 1 } });
    expect(details[5]?.dependencies).toEqual(task_ids.slice(1, 5));
  });

  test.each<[string, object, string]>([
    ["more than 1,000 combinations", { matrix: { a: range(50), b: range(50) } }, "/tasks/1/matrix"],
    ["a placeholder of no axis", { matrix: { a: [1] }, name: "${{ matrix.b }}" }, "/tasks/1/matrix"],
    ["a value that is no requirement", withNumber(), "/tasks/1/requirements/hardware/0"],
    ["an axis without a value", { matrix: { a: [] } }, "/tasks/1/matrix/a"],
  ])("is refused with %s, where it stands, and nothing is taken in", async (_what, more, pointer) => {
    const response = await submit(command, { ...command, ...more });
    expect(response.statusCode).toBe(400);
    expect(response.json<Problem>().errors?.[0]).toMatchObject({ pointer });
    expect(yard.coordinator.loop.state.tasks.size).toBe(0);
  });

  test("points at the task that depends on nothing known, behind one that became many", async () => {
    const response = await submit(
      { ...command, matrix: { a: [1, 2] } },
      { ...command, dependencies: ["nobody"] },
    );
    expect(response.json<Problem>().errors?.[0]).toMatchObject({ pointer: "/tasks/1/dependencies/0" });
  });

  test("is not for the address that takes one task", async () => {
    const response = await post(yard, "/api/tasks", { ...command, matrix: { a: [1] } });
    expect(response.json<Problem>()).toMatchObject({
      status: 400,
      detail: expect.stringContaining("/api/tasks/bulk"),
    });
  });
});

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function withNumber(): object {
  return { matrix: { a: [1] }, requirements: { hardware: ["${{ matrix.a }}"] } };
}
