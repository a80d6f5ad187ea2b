import { hash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import {
  BLOB_FRAMES_TYPE,
  encodeBlobFrame,
  type ExportStatus,
  type JsonSchema,
} from "../../../protocol/index.ts";
import { AUTHORIZED, finishTask, openYard, registerWorker, startTask, type Yard } from "../yard.testing.ts";
import type { ApiDocument, Operation } from "./document.ts";

const CONTENT = Buffer.from("content");
const SHA = hash("sha256", CONTENT, "hex");
const CASE = { test_id: "0".repeat(64), file: "a.py", name: "t", outcome: "passed", duration_ms: 1 };
const KEPT = { path: "out/a", sha256: SHA, size_bytes: CONTENT.length };
const DOCUMENT = JSON.stringify({
  format: 1,
  framework: "pytest",
  cases: [CASE],
  metrics: [],
  artifacts: [KEPT],
});

let yard: Yard;
let document: ApiDocument;
const ids = { run: "", export: "", done: "", queued: "", cancelled: "", poisoned: "" };

beforeAll(async () => {
  yard = await openYard();
  registerWorker(yard);
  document = (await yard.app.inject("/openapi.json")).json<ApiDocument>();
  const tasks = ["done", "queued", "cancelled"].map((name) => ({
    type: "command",
    name,
    config: { shell: "true" },
    requirements: name === "queued" ? { hardware: ["cuda"] } : {},
  }));
  const answer = await send("POST", "/api/tasks/bulk", { tasks, run: { run_key: "k" } });
  const { run_id, task_ids } = answer.json<{ run_id: string; task_ids: string[] }>();
  [ids.done = "", ids.queued = "", ids.cancelled = ""] = task_ids;
  ids.run = run_id;
  startTask(yard, ids.done);
  await send("PUT", `/api/tasks/${ids.done}/attempts/1/log?offset=0`, CONTENT);
  finishTask(yard, ids.done, DOCUMENT);
  ids.poisoned = await poisoned();
  await yard.coordinator.loop.committed();
  await yard.context.results.reached(yard.coordinator.loop.committedPosition);
});
afterAll(() => yard.close());

/** A task that two workers were lost with. */
async function poisoned(): Promise<string> {
  const answer = await send("POST", "/api/tasks", { type: "command", config: { shell: "true" } });
  const { task_id } = answer.json<{ task_id: string }>();
  for (const worker of ["w8", "w9"]) {
    registerWorker(yard, worker);
    startTask(yard, task_id, worker);
    const lost = { type: "lose_worker", worker_id: worker, incarnation: "w1/1", reason: "gone" } as const;
    yard.coordinator.loop.execute(lost);
  }
  return task_id;
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

function send(method: Method, url: string, body?: object, type?: string) {
  const isBytes = Buffer.isBuffer(body);
  const contentType = type ?? (isBytes ? "application/octet-stream" : "application/json");
  return yard.app.inject({
    method,
    url,
    headers: { ...AUTHORIZED, ...(body !== undefined && { "content-type": contentType }) },
    ...(body !== undefined && { payload: isBytes ? body : JSON.stringify(body) }),
  });
}

const task = { type: "command", config: { shell: "true" } };

/** One call of each operation that goes well, in this order. */
const CALLS: Record<string, () => ReturnType<typeof send>> = {
  getHealth: () => send("GET", "/healthz"),
  getReadiness: () => send("GET", "/readyz"),
  getMetrics: () => send("GET", "/metrics"),
  getDescription: () => send("GET", "/openapi.json"),
  getStatus: () => send("GET", "/api/status"),
  getDashboard: () => send("GET", "/api/dashboard"),
  listWorkers: () => send("GET", "/api/workers"),
  getWorker: () => send("GET", "/api/workers/w1"),
  cordonWorker: () => send("POST", "/api/workers/w1/cordon", { reason: "fan" }),
  drainWorker: () => send("POST", "/api/workers/w1/drain"),
  uncordonWorker: () => send("POST", "/api/workers/w1/uncordon"),
  listTasks: () => send("GET", "/api/tasks?limit=2"),
  getTask: () => send("GET", `/api/tasks/${ids.queued}`),
  explainTask: () => send("GET", `/api/tasks/${ids.done}/explain`),
  cancelTask: () => send("DELETE", `/api/tasks/${ids.cancelled}`),
  releaseTask: () => send("POST", `/api/tasks/${ids.poisoned}/release`),
  retryTask: () => send("POST", `/api/tasks/${ids.cancelled}/retry`),
  submitTask: () => send("POST", "/api/tasks", task),
  submitTasks: () => send("POST", "/api/tasks/bulk", { tasks: [task] }),
  openRun: () => send("POST", "/api/runs", { name: "r" }),
  listRuns: () => send("GET", "/api/runs"),
  getRun: () => send("GET", `/api/runs/${ids.run}`),
  listCases: () => send("GET", `/api/runs/${ids.run}/cases`),
  listRunTasks: () => send("GET", `/api/runs/${ids.run}/tasks`),
  getPreviousRun: () => send("GET", `/api/runs/${ids.run}/previous`),
  query: () => send("POST", "/api/query", { sql: "SELECT 1, [1]", limit: 1 }),
  rebuildResults: () => send("POST", "/api/results/rebuild"),
  getRebuild: () => send("GET", "/api/results/rebuild"),
  startExport: async () => {
    const started = await send("POST", "/api/exports", { format: "csv", tables: ["runs"] });
    ids.export = started.json<ExportStatus>().export_id;
    await expect.poll(() => yard.context.exports.status(ids.export)?.state).toBe("done");
    return started;
  },
  getExport: () => send("GET", `/api/exports/${ids.export}`),
  getExportFile: () => send("GET", `/api/exports/${ids.export}/files/runs.csv`),
  removeExport: () => send("DELETE", `/api/exports/${ids.export}`),
  listDurations: () => send("GET", "/api/durations?framework=pytest"),
  listFailures: () => send("GET", "/api/failures?framework=pytest"),
  listReusableCases: () => send("GET", `/api/reusable-cases?inputs=${"1".repeat(64)}`),
  retryRun: () => send("POST", `/api/runs/${ids.run}/retry`, { only: "failed" }),
  addWebhook: () => send("POST", "/api/webhooks", { url: "https://hooks.example.com/a" }),
  listWebhooks: () => send("GET", "/api/webhooks"),
  addRunWebhook: () => send("POST", `/api/runs/${ids.run}/webhooks`, { url: "https://hooks.example.com/b" }),
  setSchedule: () => send("POST", "/api/schedules", { name: "nightly", cron: "0 3 * * *", tasks: [task] }),
  runSchedule: () => send("POST", "/api/schedules/nightly/run"),
  listSchedules: () => send("GET", "/api/schedules"),
  removeSchedule: () => send("DELETE", "/api/schedules/nightly"),
  cancelRun: () => send("POST", `/api/runs/${ids.run}/cancel`),
  listDeliveries: () => send("GET", "/api/webhooks/deliveries"),
  redeliver: () => {
    const [id = ""] = yard.coordinator.loop.state.deliveries.keys();
    return send("POST", `/api/webhooks/deliveries/${id}/redeliver`);
  },
  removeWebhook: () => {
    const [id = ""] = yard.coordinator.loop.state.webhooks.keys();
    return send("DELETE", `/api/webhooks/${id}`);
  },
  listArtifacts: () => send("GET", `/api/tasks/${ids.done}/artifacts`),
  missingBlobs: () => send("POST", "/api/blobs/missing", { hashes: [SHA] }),
  putBlobs: () => send("POST", "/api/blobs/batch", frame(), BLOB_FRAMES_TYPE),
  fetchBlobs: () => send("POST", "/api/blobs/fetch", { hashes: [SHA] }),
  putBlob: () => send("PUT", `/api/blobs/${SHA}`, CONTENT),
  getArtifact: () => send("GET", `/api/tasks/${ids.done}/attempts/1/artifacts/out/a`),
  getBlob: () => send("GET", `/api/blobs/${SHA}`),
  appendLog: () => send("PUT", `/api/tasks/${ids.done}/attempts/1/log?offset=7`, CONTENT),
  readLog: () => send("GET", `/api/tasks/${ids.done}/logs`),
  searchLog: () => send("GET", `/api/tasks/${ids.done}/logs/search?q=cont`),
  searchRunLogs: () => send("GET", `/api/runs/${ids.run}/logs/search?q=cont`),
};
/** Its answer has no end: read line by line below. */
const STREAMED = ["followRun"];

const frame = () => Buffer.from(encodeBlobFrame({ sha256: SHA, bytes: CONTENT }));

function operations(): { path: string; method: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

function operationOf(id: string): Operation {
  const found = operations().find(({ operation }) => operation.operationId === id);
  if (found === undefined) throw new Error(`the document has no operation ${id}`);
  return found.operation;
}

/** Closes what the document leaves open: an answer has what is described, and nothing else. */
function strict(schema: JsonSchema): z.ZodType {
  const text = JSON.stringify({ $defs: document.components.schemas, ...schema });
  const close = (_key: string, value: unknown): unknown =>
    isObjectSchema(value) ? { additionalProperties: false, ...value } : value;
  return z.fromJSONSchema(JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/"), close) as never);
}

function isObjectSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && "properties" in value && "type" in value;
}

function check(schema: JsonSchema, value: unknown): void {
  const checked = strict(schema).safeParse(value);
  if (!checked.success) throw new Error(`${z.prettifyError(checked.error)}\nin ${JSON.stringify(value)}`);
}

describe("the description of the API", () => {
  test("holds every route under /api, and names each operation once", () => {
    const undescribed = yard.app.describedRoutes.filter(
      ({ path, api }) => api === null && !path.startsWith("/docs"),
    );
    // app.get(path, described({...}), handler): see describe.ts
    expect(undescribed).toEqual([]);
    expect(yard.app.describedRoutes.length).toBeGreaterThan(20);
    const names = operations().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  test("is called once for each operation by this test: add yours", () => {
    const names = operations().map(({ operation }) => operation.operationId);
    expect(Object.keys(CALLS).concat(STREAMED).sort()).toEqual(names.sort());
  });

  test.each(Object.keys(CALLS))("fits what %s answers, to the last field", async (id) => {
    const response = await CALLS[id]?.();
    const { responses } = operationOf(id);
    const described = responses[String(response?.statusCode)]?.content ?? {};
    const type = String(response?.headers["content-type"]).split(";")[0] ?? "";
    expect(response?.statusCode, response?.payload).toBeLessThan(300);
    expect(Object.keys(described)).toEqual([type]);
    if (type === "application/json") check(described[type]?.schema ?? {}, response?.json());
  });

  test("fits every line of a run's feed", async () => {
    const url = `/api/runs/${ids.run}/feed`;
    const { stream } = await (async () => {
      const response = await yard.app.inject({ url, payloadAsStream: true });
      return { stream: response.stream() };
    })();
    const schema = operationOf("followRun").responses["200"]?.content["application/x-ndjson"]?.schema ?? {};
    const kinds = new Set<string>();
    for await (const chunk of stream) {
      for (const line of String(chunk).split("\n").filter(Boolean)) {
        const item = JSON.parse(line) as { kind: string };
        check(schema, item);
        kinds.add(item.kind);
      }
      if (kinds.has("attempt_ended") && kinds.has("task_ended")) break;
    }
    expect([...kinds]).toEqual(expect.arrayContaining(["task_started", "attempt_ended", "task_ended"]));
  });

  test("names the parameters that each address really takes", async () => {
    for (const { path, method, operation } of operations()) {
      if (!path.startsWith("/api/")) continue;
      const url = `${path.replace(/\{\w+\}/g, "1")}?qqqqqqqqqqqqqqqqqqqqqqqq=1`;
      const response = await send(method.toUpperCase() as Method, url);
      const [, known = ""] = /known: (.*)$/.exec(response.json<{ detail: string }>().detail) ?? [];
      const named = (operation.parameters ?? []).filter((parameter) => parameter.in === "query");
      const listed = named.map(({ name }) => name).join(", ") || "none";
      expect(`${method} ${path}: ${known}`).toBe(`${method} ${path}: ${listed}`);
    }
  });

  test("fits refusals", async () => {
    const unknown = await send("GET", "/api/tasks/nobody");
    check({ $ref: "#/components/schemas/Problem" }, unknown.json());
    const wrong = await send("POST", "/api/tasks", { type: "tset" });
    check({ $ref: "#/components/schemas/Problem" }, wrong.json());
  });

  test("stands under /api/v1 as well", async () => {
    expect((await send("GET", `/api/v1/runs/${ids.run}`)).json()).toMatchObject({ run_id: ids.run });
  });
});
