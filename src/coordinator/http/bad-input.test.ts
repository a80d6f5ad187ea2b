import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AUTHORIZED, KEY, openYard, post, type Yard } from "./yard.testing.ts";

let yard: Yard;
beforeAll(async () => {
  yard = await openYard();
});
afterAll(() => yard.close());

interface Answer {
  status: number;
  code: string;
  detail: string;
  errors?: { pointer: string; code: string; message: string }[];
}

const json = { "content-type": "application/json", ...AUTHORIZED };
const task = { type: "command", config: { command: ["true"] } };
const deep = `${'{"config":'.repeat(40)}1${"}".repeat(40)}`;
const bulk = (...tasks: object[]) => JSON.stringify({ tasks });
const named = (name: string, ...dependencies: string[]) => ({ ...task, name, dependencies });

const BODIES: [
  what: string,
  url: string,
  body: string | Buffer,
  status: number,
  code: string,
  pointer: string,
][] = [
  ["an empty body", "/api/tasks", "", 400, "invalid_json", ""],
  ["text that is not JSON", "/api/tasks", "{", 400, "invalid_json", ""],
  ["bytes that are not UTF-8", "/api/tasks", Buffer.from([0x22, 0xff, 0x22]), 400, "invalid_json", "none"],
  ["JSON that is too deep", "/api/tasks", deep, 400, "invalid_request", "/config/config"],
  [
    "a __proto__ key",
    "/api/tasks",
    '{"type":"test","config":{"__proto__":1}}',
    400,
    "invalid_request",
    "/config/__proto__",
  ],
  ["1e309", "/api/tasks", '{"type":"test","priority":1e309}', 400, "invalid_request", "/priority"],
  ["a list for a task", "/api/tasks", "[]", 400, "invalid_request", ""],
  [
    "a text for a number",
    "/api/tasks",
    '{"type":"test","priority":"1"}',
    400,
    "invalid_request",
    "/priority",
  ],
  [
    "a negative number",
    "/api/tasks",
    '{"type":"test","timeout_seconds":-1}',
    400,
    "invalid_request",
    "/timeout_seconds",
  ],
  [
    "an unknown field",
    "/api/tasks",
    '{"type":"test","requirments":{}}',
    400,
    "invalid_request",
    "/requirments",
  ],
  [
    "an unknown field further in",
    "/api/tasks",
    '{"type":"test","requirements":{"hardwear":["cuda"]}}',
    400,
    "invalid_request",
    "/requirements/hardwear",
  ],
  ["a wrong type of task", "/api/tasks", '{"type":"tset"}', 400, "invalid_request", "/type"],
  [
    "a config that is too large",
    "/api/tasks",
    JSON.stringify({ type: "test", config: { a: "x".repeat(300_000) } }),
    413,
    "body_too_large",
    "/config",
  ],
  [
    "requirements that are too large",
    "/api/tasks",
    JSON.stringify({
      type: "test",
      requirements: { hardware: Array.from({ length: 90 }, () => "x".repeat(250)) },
    }),
    413,
    "body_too_large",
    "/requirements",
  ],
  ["a body above the limit", "/api/tasks", `"${"x".repeat(1024 * 1024)}"`, 413, "body_too_large", "none"],
  [
    "a batch above the limit",
    "/api/tasks/bulk",
    `"${"x".repeat(8 * 1024 * 1024)}"`,
    413,
    "body_too_large",
    "none",
  ],
  ["a batch without tasks", "/api/tasks/bulk", "{}", 400, "invalid_request", "/tasks"],
  ["a batch of none", "/api/tasks/bulk", '{"tasks":[]}', 400, "invalid_request", "/tasks"],
  [
    "a batch with one bad task",
    "/api/tasks/bulk",
    bulk(task, { type: "test", nmae: "a" }),
    400,
    "invalid_request",
    "/tasks/1/nmae",
  ],
  [
    "a batch with an unknown field",
    "/api/tasks/bulk",
    JSON.stringify({ tasks: [task], porject: "a" }),
    400,
    "invalid_request",
    "/porject",
  ],
  [
    "a batch of no project",
    "/api/tasks/bulk",
    JSON.stringify({ tasks: [task], project: "../a" }),
    400,
    "invalid_request",
    "/project",
  ],
  [
    "a batch for an unknown run",
    "/api/tasks/bulk",
    JSON.stringify({ tasks: [task], run_id: "nope" }),
    404,
    "run_unknown",
    "none",
  ],
  [
    "a batch for a run old and new",
    "/api/tasks/bulk",
    JSON.stringify({ tasks: [task], run_id: "a", run: {} }),
    400,
    "invalid_request",
    "/run",
  ],
  [
    "a wrong field of a run",
    "/api/tasks/bulk",
    JSON.stringify({ tasks: [task], run: { key: "a" } }),
    400,
    "invalid_request",
    "/run/key",
  ],
  [
    "a task that needs itself",
    "/api/tasks/bulk",
    bulk(named("a", "a")),
    422,
    "dependency_self",
    "/tasks/0/dependencies",
  ],
  [
    "a cycle",
    "/api/tasks/bulk",
    bulk(named("a", "c"), named("b", "a"), named("c", "b")),
    422,
    "dependency_cycle",
    "/tasks/0/dependencies",
  ],
  [
    "a dependency that nobody has",
    "/api/tasks/bulk",
    bulk(named("unit", "unitt")),
    422,
    "dependency_unknown",
    "/tasks/0/dependencies/0",
  ],
  [
    "the id of no task",
    "/api/tasks/bulk",
    bulk(task, named("a", "01ARZ3NDEKTSV4RRFFQ69G5FAV")),
    422,
    "dependency_unknown",
    "/tasks/1/dependencies/0",
  ],
  [
    "a name that two tasks have",
    "/api/tasks/bulk",
    bulk(task, named("x"), named("x"), named("a", "x")),
    400,
    "invalid_request",
    "/tasks/3/dependencies/0",
  ],
  ["a run of a wrong project", "/api/runs", '{"project":"a b"}', 400, "invalid_request", "/project"],
  ["a run with an unknown field", "/api/runs", '{"runkey":"a"}', 400, "invalid_request", "/runkey"],
  ["hashes that are none", "/api/blobs/missing", '{"hashes":["../x"]}', 400, "invalid_request", "/hashes"],
];

describe("a body that is wrong is refused with a code and a pointer, and nothing is written", () => {
  test.each(BODIES)("%s", async (_what, url, body, status, code, pointer) => {
    const before = (await yard.log.tip()).position;
    const response = await yard.app.inject({ method: "POST", url, headers: json, payload: body });
    const answer = response.json<Answer>();
    expect(answer).toMatchObject({ status, code });
    expect(response.statusCode).toBe(status);
    expect(response.headers["content-type"]).toBe("application/problem+json");
    const first = answer.errors?.[0]?.pointer ?? "none";
    if (pointer === "none") expect(first).toBe("none");
    else expect(first.startsWith(pointer) && (pointer !== "" || first === "")).toBe(true);
    await yard.coordinator.loop.committed();
    expect((await yard.log.tip()).position).toBe(before);
    expect(yard.fatal).toEqual([]);
  });

  test("an unknown field comes with what was probably meant", async () => {
    const response = await post(yard, "/api/tasks", { type: "test", requirments: {} });
    expect(response.json<Answer>().detail).toContain('did you mean "requirements"?');
  });

  test("an unknown dependency comes with the name that was probably meant", async () => {
    const response = await post(yard, "/api/tasks/bulk", { tasks: [named("unit"), named("b", "unitt")] });
    expect(response.json<Answer>().detail).toContain('did you mean "unit"?');
  });
});

type Request = {
  method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
  url: string;
  headers?: Record<string, string>;
};

const UNKNOWN_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const REQUESTS: [what: string, request: Request, status: number, code: string][] = [
  ["an unknown address", { method: "GET", url: "/api/nothing" }, 404, "not_found"],
  [
    "a method that is not for the address",
    { method: "PATCH", url: "/api/tasks", headers: json },
    405,
    "method_not_allowed",
  ],
  [
    "another content type",
    { method: "POST", url: "/api/tasks", headers: { ...json, "content-type": "text/plain" } },
    415,
    "unsupported_media_type",
  ],
  [
    "bytes where JSON belongs",
    { method: "POST", url: "/api/tasks", headers: { ...json, "content-type": "application/octet-stream" } },
    415,
    "unsupported_media_type",
  ],
  ["a malformed address", { method: "GET", url: "/api/tasks/%zz" }, 400, "invalid_request"],
  ["an unknown parameter", { method: "GET", url: "/api/tasks?stat=queued" }, 400, "invalid_request"],
  ["a parameter twice", { method: "GET", url: "/api/tasks?limit=1&limit=2" }, 400, "invalid_request"],
  ["a state that is none", { method: "GET", url: "/api/tasks?state=done" }, 400, "invalid_request"],
  ["a page of none", { method: "GET", url: "/api/tasks?limit=0" }, 400, "invalid_request"],
  ["a page above the limit", { method: "GET", url: "/api/tasks?limit=501" }, 400, "invalid_request"],
  [
    "a cursor that is garbage",
    { method: "GET", url: "/api/tasks?cursor=%F0%9F%92%A9" },
    400,
    "cursor_invalid",
  ],
  [
    "a cursor of another listing",
    { method: "GET", url: `/api/runs?cursor=${Buffer.from(`tasks ${UNKNOWN_ID}`).toString("base64url")}` },
    400,
    "cursor_invalid",
  ],
  ["an unknown task", { method: "GET", url: `/api/tasks/${UNKNOWN_ID}` }, 404, "task_unknown"],
  ["a task id with a way up", { method: "GET", url: "/api/tasks/..%2f..%2fetc" }, 404, "task_unknown"],
  ["a task id with a NUL", { method: "GET", url: "/api/tasks/%00" }, 404, "task_unknown"],
  [
    "why an unknown task waits",
    { method: "GET", url: `/api/tasks/${UNKNOWN_ID}/explain` },
    404,
    "task_unknown",
  ],
  [
    "the log of an unknown task",
    { method: "GET", url: `/api/tasks/${UNKNOWN_ID}/logs` },
    404,
    "task_unknown",
  ],
  [
    "cancelling an unknown task",
    { method: "DELETE", url: `/api/tasks/${UNKNOWN_ID}`, headers: AUTHORIZED },
    404,
    "task_unknown",
  ],
  [
    "releasing an unknown task",
    { method: "POST", url: `/api/tasks/${UNKNOWN_ID}/release`, headers: AUTHORIZED },
    404,
    "task_unknown",
  ],
  ["an unknown worker", { method: "GET", url: "/api/workers/nobody" }, 404, "worker_unknown"],
  ["an unknown run", { method: "GET", url: "/api/runs/nope" }, 404, "run_unknown"],
  ["the feed of an unknown run", { method: "GET", url: "/api/runs/nope/feed" }, 404, "run_unknown"],
  ["the cases of an unknown run", { method: "GET", url: "/api/runs/nope/cases" }, 404, "run_unknown"],
  [
    "cancelling an unknown run",
    { method: "POST", url: "/api/runs/nope/cancel", headers: AUTHORIZED },
    404,
    "run_unknown",
  ],
  ["durations of no framework", { method: "GET", url: "/api/durations" }, 400, "invalid_request"],
  ["a blob by no hash", { method: "GET", url: "/api/blobs/abc" }, 400, "invalid_request"],
  ["a blob that is not there", { method: "GET", url: `/api/blobs/${"0".repeat(64)}` }, 410, "blob_missing"],
  ["a write without a key", { method: "POST", url: "/api/runs" }, 401, "unauthorized"],
  [
    "a write with another key",
    { method: "POST", url: "/api/runs", headers: { authorization: `Bearer ${"0".repeat(64)}` } },
    401,
    "unauthorized",
  ],
  [
    "a write with the key in the wrong scheme",
    { method: "POST", url: "/api/runs", headers: { authorization: `Basic ${KEY}` } },
    401,
    "unauthorized",
  ],
  ["a blob without a key", { method: "PUT", url: `/api/blobs/${"0".repeat(64)}` }, 401, "unauthorized"],
  [
    "a log without a key",
    { method: "PUT", url: `/api/tasks/${UNKNOWN_ID}/attempts/1/log` },
    401,
    "unauthorized",
  ],
  [
    "another host",
    { method: "GET", url: "/api/status", headers: { host: "evil.example" } },
    403,
    "forbidden_host",
  ],
  [
    "our host with another port",
    { method: "GET", url: "/api/status", headers: { host: "localhost:81" } },
    403,
    "forbidden_host",
  ],
  [
    "a name that begins like ours",
    { method: "GET", url: "/api/status", headers: { host: "localhost.evil.example:80" } },
    403,
    "forbidden_host",
  ],
  [
    "a page from elsewhere",
    { method: "GET", url: "/api/status", headers: { origin: "http://evil.example" } },
    403,
    "forbidden_host",
  ],
  [
    "a page without an origin",
    { method: "GET", url: "/api/status", headers: { origin: "null" } },
    403,
    "forbidden_host",
  ],
];

describe("a request that is wrong is refused with a problem document, and nothing is written", () => {
  test.each(REQUESTS)("%s", async (_what, request, status, code) => {
    const before = (await yard.log.tip()).position;
    const payload = request.headers?.["content-type"] === undefined ? {} : { payload: "{}" };
    const response = await yard.app.inject({ ...request, ...payload });
    expect(response.json()).toMatchObject({ status, code });
    expect(response.statusCode).toBe(status);
    expect(response.headers["content-type"]).toBe("application/problem+json");
    await yard.coordinator.loop.committed();
    expect((await yard.log.tip()).position).toBe(before);
  });

  test("a refused method says which ones there are", async () => {
    const response = await yard.app.inject({ method: "PATCH", url: "/api/tasks", headers: json });
    expect(response.headers.allow?.toString().split(", ").sort()).toEqual(["GET", "HEAD", "POST"]);
  });

  test("a missing key is answered with where the key is", async () => {
    const response = await yard.app.inject({ method: "POST", url: "/api/runs" });
    expect(response.json<Answer>().detail).toContain("/client-key");
    expect(response.headers["www-authenticate"]).toBe("Bearer");
  });

  test("every way of naming loopback is ours, and so is a page that comes from there", async () => {
    for (const host of ["127.0.0.1:80", "localhost", "[::1]:80", "LOCALHOST:80"]) {
      const headers = { host, origin: "http://127.0.0.1" };
      expect((await yard.app.inject({ url: "/api/status", headers })).statusCode).toBe(200);
    }
  });
});
