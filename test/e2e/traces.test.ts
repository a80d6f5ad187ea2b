/** One trace from whoever submits to what a test does: as an OpenTelemetry collector gets it. */
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { eventually, Home, type Started } from "./program.testing.ts";

vi.setConfig({ testTimeout: 90_000 });

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes?: { key: string; value: { stringValue?: string; intValue?: number } }[];
  status?: { code?: number };
}

const CALLER = { trace: "4bf92f3577b34da6a3ce929d0e0e4736", span: "00f067aa0ba902b7" };

let home: Home;
let collector: Server;
let endpoint = "";
let spans: OtlpSpan[];
beforeEach(async () => {
  home = new Home();
  spans = [];
  collector = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    request.on("end", () => {
      const { resourceSpans } = JSON.parse(text) as {
        resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
      };
      for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(collector.address() as { port: number }).port}`;
});
afterEach(async () => {
  await home.remove();
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
});

/** A test that makes a span of its own below the one that it was given. */
const TEST = `
const [, traceId, parentSpanId] = process.env.TRACEPARENT.split("-");
const span = { traceId, spanId: "1234567890abcdef", parentSpanId, name: "in the test", kind: 1,
  startTimeUnixNano: "1", endTimeUnixNano: "2" };
const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
const headers = { "content-type": "application/json" };
await fetch(process.env.COLLECTOR + "/v1/traces", { method: "POST", headers, body });
`;

/** @returns the coordinator */
async function runTask(env: Record<string, string>): Promise<Started> {
  const yard = home.start(["coordinator", "--port", "0", "--data-dir", home.path("yard")], {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
  });
  const [, url = ""] = await yard.says(/coordinator at (http:\S+?),/);
  await home.worker(url, "w1");
  home.write({ "test.mjs": TEST });
  const command = [process.execPath, home.path("test.mjs")];
  const task = { type: "command", name: "t", config: { command }, env: { COLLECTOR: endpoint } };
  home.write({ "task.json": JSON.stringify(task) });
  const args = ["submit", "--task", home.path("task.json"), "--coordinator", url, "--wait"];
  const { code, stderr } = await home.run(args, { env });
  expect(code, stderr).toBe(0);
  return yard;
}

const named = (pattern: RegExp): OtlpSpan | undefined => spans.find(({ name }) => pattern.test(name));

function chain(): (OtlpSpan | undefined)[] {
  return [named(/^run/), named(/^t$/), named(/^attempt 1$/), named(/^in the test$/)];
}

it("hangs run, task, attempt and the test's own span below the caller's", async () => {
  await runTask({ TRACEPARENT: `00-${CALLER.trace}-${CALLER.span}-01` });
  const [run, task, attempt, inside] = await eventually(
    () => Promise.resolve(chain()),
    (all) => all.every((span) => span !== undefined),
  );
  expect(new Set([run, task, attempt, inside].map((span) => span?.traceId))).toEqual(new Set([CALLER.trace]));
  expect(run?.parentSpanId).toBe(CALLER.span);
  expect(task?.parentSpanId).toBe(run?.spanId);
  expect(attempt?.parentSpanId).toBe(task?.spanId);
  expect(inside?.parentSpanId).toBe(attempt?.spanId);
  const said = Object.fromEntries((attempt?.attributes ?? []).map(({ key, value }) => [key, value]));
  expect(said).toMatchObject({
    "testyard.worker_id": { stringValue: "w1" },
    "testyard.outcome": { stringValue: "passed" },
    "process.exit.code": { intValue: 0 },
  });
  expect(spans).toHaveLength(4);
});

it("makes a trace of the run's own without a caller", async () => {
  await runTask({ TRACEPARENT: "" });
  const [run, , , inside] = await eventually(
    () => Promise.resolve(chain()),
    (all) => all.every((span) => span !== undefined),
  );
  expect(run?.parentSpanId ?? "").toBe("");
  expect(inside?.traceId).toBe(run?.traceId);
});

it("sends nothing of what the caller does not sample, and tells the test so", async () => {
  const yard = await runTask({ TRACEPARENT: `00-${CALLER.trace}-${CALLER.span}-00` });
  // A coordinator that stops sends what still waits.
  yard.child.kill("SIGTERM");
  await yard.ended;
  expect(spans.map(({ name }) => name)).toEqual(["in the test"]);
});
