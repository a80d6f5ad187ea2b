import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WorkerView } from "../../protocol/index.ts";
import { openYard, post, registerWorker, startTask, type Yard } from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
  registerWorker(yard);
});
afterEach(() => yard.close());

async function submitOne(): Promise<string> {
  const response = await post(yard, "/api/tasks", { type: "command", config: { shell: "true" } });
  return response.json<{ task_id: string }>().task_id;
}

async function order(verb: string, body: object | "" = "", id = "w1") {
  const response = await post(yard, `/api/workers/${id}/${verb}`, body);
  return {
    status: response.statusCode,
    body: response.json<WorkerView & { code: string; detail: string }>(),
  };
}

describe("a worker", () => {
  test("is cordoned with a reason that its view and waiting tasks show, and is taken back", async () => {
    const cordoned = await order("cordon", { reason: "fan is loud" });
    expect(cordoned).toMatchObject({ status: 200, body: { worker_id: "w1", cordoned: "fan is loud" } });
    const task_id = await submitOne();
    const explained = await yard.app.inject({ url: `/api/tasks/${task_id}/explain` });
    expect(explained.json()).toMatchObject({
      workers: [{ worker_id: "w1", verdict: "not_available", reasons: [{ has: "cordoned: fan is loud" }] }],
    });
    expect((await order("uncordon")).body.cordoned).toBeNull();
    expect((await order("uncordon")).status).toBe(200);
  });

  test("drains: what it holds goes on, nothing new comes", async () => {
    const task_id = await submitOne();
    startTask(yard, task_id);
    const drained = await order("drain");
    expect(drained.body).toMatchObject({ cordoned: "drained by request", busy: 1, tasks: [task_id] });
    const view = await yard.app.inject({ url: `/api/tasks/${task_id}` });
    expect(view.json()).toMatchObject({ state: "running" });
  });

  test("that nobody knows is answered with the one that was meant", async () => {
    const unknown = await order("cordon", "", "w11");
    expect(unknown).toMatchObject({
      status: 404,
      body: { code: "worker_unknown", detail: expect.stringContaining('did you mean "w1"') },
    });
  });

  test("that leaves by itself is not called back", async () => {
    yard.coordinator.loop.execute({
      type: "cordon_worker",
      worker_id: "w1",
      by: "worker",
      reason: "SIGTERM",
    });
    expect(await order("uncordon")).toMatchObject({ status: 409, body: { code: "worker_leaves" } });
  });

  test("is told about with known fields only", async () => {
    expect(await order("cordon", { reson: "x" })).toMatchObject({ status: 400 });
    expect(await order("uncordon", { reason: "x" })).toMatchObject({ status: 400 });
  });
});
