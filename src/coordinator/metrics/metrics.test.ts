import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { finishTask, openYard, post, registerWorker, startTask, type Yard } from "../http/yard.testing.ts";
import { metricsReference } from "./reference.ts";

let yard: Yard;
beforeAll(async () => {
  yard = await openYard();
  registerWorker(yard);
  const task = { type: "command", config: { shell: "true" } };
  const answer = await post(yard, "/api/tasks/bulk", { tasks: [task, task, task] });
  const [first = "", second = ""] = answer.json<{ task_ids: string[] }>().task_ids;
  startTask(yard, first);
  finishTask(yard, first);
  startTask(yard, second);
  await yard.coordinator.loop.committed();
});
afterAll(() => yard.close());

async function scrape(): Promise<string> {
  return (await yard.app.inject("/metrics")).payload;
}

/** The value of the one sample that is written so. */
function sample(text: string, name: string): number {
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  if (line === undefined) throw new Error(`no sample ${name} in:\n${text}`);
  return Number(line.slice(name.length));
}

describe("metrics", () => {
  test("count what the log holds", async () => {
    const text = await scrape();
    expect(sample(text, "testyard_tasks_submitted_total")).toBe(3);
    expect(sample(text, 'testyard_attempts_total{outcome="passed"}')).toBe(1);
    expect(sample(text, "testyard_attempt_duration_seconds_sum")).toBe(0.005);
    expect(sample(text, "testyard_task_wait_seconds_count")).toBe(2);
    expect(sample(text, "testyard_log_append_duration_seconds_count")).toBeGreaterThan(0);
  });

  test("show the yard as it stands", async () => {
    const text = await scrape();
    expect(sample(text, 'testyard_tasks{state="running"}')).toBe(1);
    expect(sample(text, 'testyard_tasks{state="queued"}')).toBe(1);
    expect(sample(text, 'testyard_workers{state="disconnected"}')).toBe(1);
    expect(sample(text, "testyard_data_free_bytes")).toBeGreaterThan(1e6);
  });

  test("hold nothing that a caller wrote", async () => {
    await yard.app.inject("/api/tasks/secret-id");
    await yard.app.inject("/secret-path?secret-query=1");
    const text = await scrape();
    expect(
      sample(text, 'testyard_http_requests_total{method="GET",route="/api/tasks/:id",status="404"}'),
    ).toBe(1);
    expect(sample(text, 'testyard_http_requests_total{method="GET",route="none",status="404"}')).toBe(1);
    expect(text).not.toContain("secret");
  });

  test("stand in docs/reference/metrics.md; else npm run docs", async () => {
    const path = new URL("../../../docs/reference/metrics.md", import.meta.url);
    expect(readFileSync(path, "utf8")).toBe(await metricsReference());
  });
});

describe("/readyz", () => {
  test("says what was looked at", async () => {
    const response = await yard.app.inject("/readyz");
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({
      status: "ready",
      checks: [{ name: "leader" }, { name: "log" }, { name: "results" }, { name: "disk" }],
    });
  });

  test("refuses with the reason when a part is broken", async () => {
    const broken = await openYard();
    try {
      const { results } = broken.context;
      const failed = { watermark: 0, failed: "results.duckdb is locked" };
      broken.context.results = Object.assign(Object.create(results), { status: () => failed });
      broken.coordinator.stop();
      const response = await broken.app.inject("/readyz");
      expect(response.statusCode).toBe(503);
      expect(response.json()).toMatchObject({
        code: "not_ready",
        detail: expect.stringMatching(/^log: .*; results: results.duckdb is locked$/),
        details: { checks: expect.arrayContaining([expect.objectContaining({ name: "disk", ready: true })]) },
      });
    } finally {
      await broken.close();
    }
  });
});
