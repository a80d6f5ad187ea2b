import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ArtifactView, SubmitAnswer } from "../../protocol/index.ts";
import { finishTask, openYard, post, registerWorker, startTask, type Yard } from "./yard.testing.ts";

let yard: Yard;
let taskId = "";
beforeEach(async () => {
  yard = await openYard();
  registerWorker(yard);
  const task = { type: "command", config: { command: ["true"] }, artifacts: ["**"] };
  taskId = (await post(yard, "/api/tasks/bulk", { tasks: [task] })).json<SubmitAnswer>().task_ids[0] ?? "";
  startTask(yard, taskId);
});
afterEach(() => yard.close());

async function leave(files: Record<string, Uint8Array | string>): Promise<void> {
  const artifacts = [];
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content as Uint8Array);
    artifacts.push({ path, sha256: await yard.context.blobs.put(bytes), size_bytes: bytes.length });
  }
  const document = { format: 1, framework: "command", cases: [], metrics: [], artifacts };
  finishTask(yard, taskId, JSON.stringify(document));
  await yard.coordinator.loop.committed();
}

const get = (path: string, headers: Record<string, string> = {}) =>
  yard.app.inject({
    method: "GET",
    url: `/api/tasks/${taskId}${path}`,
    headers: { host: "127.0.0.1", ...headers },
  });
const artifact = (path: string, headers: Record<string, string> = {}) =>
  get(`/attempts/1/artifacts/${path}`, headers);

describe("artifacts over HTTP", () => {
  test("are listed right after the task has ended", async () => {
    await leave({ "a/b.txt": "text", "c.bin": "" });
    const { items } = (await get("/artifacts")).json<{ items: ArtifactView[] }>();
    expect(items).toMatchObject([
      { task_id: taskId, attempt: 1, is_final: true, path: "a/b.txt", size_bytes: 4, is_kept: true },
      { path: "c.bin", size_bytes: 0 },
    ]);
  });

  test("of a task that has none are none, and of an unknown task are not found", async () => {
    await leave({});
    expect((await get("/artifacts")).json()).toEqual({ items: [] });
    taskId = "0".repeat(26);
    expect((await get("/artifacts")).json()).toMatchObject({ code: "task_unknown" });
  });

  test("are named by their hash, and not sent twice", async () => {
    await leave({ "a b/ü%.txt": "text" });
    const path = "a%20b/%C3%BC%25.txt";
    const first = await artifact(path);
    expect([first.statusCode, first.body]).toEqual([200, "text"]);
    const etag = String(first.headers.etag);
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    const again = await artifact(path, { "if-none-match": etag });
    expect([again.statusCode, again.body]).toEqual([304, ""]);
  });

  test.each(["page.html", "image.svg", "feed.xml", "x.js", "doc.pdf", "strange.xyz", "none"])(
    "that could run on our origin are saved, not shown: %s",
    async (name) => {
      await leave({ [name]: "<script>alert(1)</script>" });
      const { headers } = await artifact(name);
      expect(headers["content-disposition"]).toMatch(/^attachment; filename="/);
      expect(headers["content-security-policy"]).toContain("sandbox");
      expect(headers["x-content-type-options"]).toBe("nosniff");
    },
  );

  test.each([
    ["shot.png", "image/png"],
    ["log.txt", "text/plain; charset=utf-8"],
  ])("that are harmless are shown: %s", async (name, type) => {
    await leave({ [name]: "x" });
    const { headers } = await artifact(name);
    expect(headers["content-type"]).toBe(type);
    expect(headers["content-disposition"]).toMatch(/^inline/);
  });

  test("come in parts, small ones and large ones alike", async () => {
    const large = randomBytes(300_000);
    const files = { small: "0123456789", large };
    await leave(files);
    for (const [path, content] of Object.entries(files)) {
      const bytes = Buffer.from(content);
      const cut = async (range: string) => {
        const { statusCode, headers, rawPayload } = await artifact(path, { range });
        return [statusCode, headers["content-range"], rawPayload.equals(bytes.subarray(2, 5))];
      };
      expect(await cut("bytes=2-4")).toEqual([206, `bytes 2-4/${bytes.length}`, true]);
      const tail = await artifact(path, { range: "bytes=-3" });
      expect([tail.statusCode, tail.rawPayload]).toEqual([206, bytes.subarray(-3)]);
      const rest = await artifact(path, { range: `bytes=${bytes.length - 2}-` });
      expect(rest.rawPayload).toEqual(bytes.subarray(-2));
      const behind = await artifact(path, { range: `bytes=${bytes.length}-` });
      expect(behind.statusCode).toBe(416);
      expect(behind.headers["content-range"]).toBe(`bytes */${bytes.length}`);
      expect(behind.json()).toMatchObject({ code: "range_not_satisfiable" });
      for (const range of ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=x"]) {
        expect((await artifact(path, { range })).statusCode).toBe(200);
      }
      const other = await artifact(path, { range: "bytes=0-1", "if-range": '"other"' });
      expect(other.statusCode).toBe(200);
    }
  });

  test("that are not there are told apart from those whose bytes went", async () => {
    await leave({ a: "x" });
    expect((await artifact("b")).json()).toMatchObject({ code: "artifact_unknown", status: 404 });
    expect((await artifact("..%2Fa")).json()).toMatchObject({ code: "artifact_unknown" });
  });
});
