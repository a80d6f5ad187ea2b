import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LogMatches, SubmitAnswer } from "../../protocol/index.ts";
import { finishTask, openYard, post, registerWorker, startTask, type Yard } from "./yard.testing.ts";

let yard: Yard;
let runId = "";
let ids: string[] = [];
beforeEach(async () => {
  yard = await openYard();
  registerWorker(yard);
  const task = { type: "command", config: { command: ["true"] } };
  const answer = (await post(yard, "/api/tasks/bulk", { tasks: [task, task, task] })).json<SubmitAnswer>();
  [runId, ids] = [answer.run_id, answer.task_ids];
  for (const id of ids) startTask(yard, id);
});
afterEach(() => yard.close());

async function write(index: number, text: string | Buffer, attempt = 1): Promise<void> {
  const key = { task_id: ids[index] ?? "", attempt };
  const bytes = Buffer.from(text as string);
  const at = yard.context.blobs.logSize(key);
  for (let from = 0; from < bytes.length; from += 4_000_000) {
    await yard.context.blobs.appendLog(key, at + from, bytes.subarray(from, from + 4_000_000));
  }
}

const get = (path: string, headers: Record<string, string> = {}) =>
  yard.app.inject({ method: "GET", url: path, headers: { host: "127.0.0.1", ...headers } });
const log = (query: string, headers: Record<string, string> = {}) =>
  get(`/api/tasks/${ids[0]}/logs${query}`, headers);

async function searchAll(path: string): Promise<LogMatches["items"]> {
  const items: LogMatches["items"] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: LogMatches = (await get(`${path}${cursor === "" ? "" : `&cursor=${cursor}`}`)).json();
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}

describe("reading a log", () => {
  test("by Range answers the part, or where the end is", async () => {
    await write(0, "0123456789");
    const part = await log("", { range: "bytes=2-4" });
    expect([part.statusCode, part.body, part.headers["content-range"]]).toEqual([206, "234", "bytes 2-4/10"]);
    expect(part.headers["content-length"]).toBe("3");
    expect((await log("", { range: "bytes=-3" })).body).toBe("789");
    expect((await log("", { range: "bytes=8-" })).body).toBe("89");
    const behind = await log("", { range: "bytes=10-" });
    expect([behind.statusCode, behind.headers["content-range"]]).toEqual([416, "bytes */10"]);
    expect((await log("?from=2&to=5")).body).toBe("234");
  });

  test("from its end counts lines", async () => {
    await write(0, "one\ntwo\nthree\n");
    const tail = await log("?tail=2");
    expect([tail.body, tail.headers["x-testyard-log-from"]]).toEqual(["two\nthree\n", "4"]);
    expect((await log("?tail=0")).body).toBe("");
    expect((await log("?tail=9")).body).toBe("one\ntwo\nthree\n");
    expect((await log("?tail=1&from=3")).json()).toMatchObject({ code: "invalid_request" });
  });

  test("is never shown as a page", async () => {
    await write(0, "<script>alert(1)</script>");
    const { headers } = await log("");
    expect(headers["content-type"]).toBe("application/octet-stream");
    expect(headers["content-disposition"]).toBe("attachment");
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });
});

test("a log that was thinned out is told apart from one that never was", async () => {
  const { loop } = yard.coordinator;
  const [with_log = "", without = ""] = ids;
  for (const [task_id, log_bytes] of [
    [with_log, 10],
    [without, 0],
  ] as const) {
    const run = { outcome: "passed", exit_code: 0, signal: null } as const;
    const times = { started_at: loop.now, duration_ms: 5, usage: null, counts: null };
    const result = { ...run, ...times, document: null, log_bytes, error: null };
    const worker = { worker_id: "w1", incarnation: "w1/1" };
    loop.execute({ type: "finish_attempt", task_id, attempt: 1, ...worker, result });
  }
  await loop.committed();
  await yard.context.results.reached(loop.committedPosition);
  const expired = await get(`/api/tasks/${with_log}/logs`);
  expect([expired.statusCode, expired.json<{ code: string }>().code]).toEqual([410, "log_expired"]);
  expect((await get(`/api/tasks/${without}/logs`)).statusCode).toBe(200);
});

describe("searching logs", () => {
  test("finds a line at the front of 50 MB, and the process goes on meanwhile", async () => {
    const filler = Buffer.alloc(50_000_000, "a line that does not hold it at all\n");
    await write(0, Buffer.concat([Buffer.from("first\nhere is the NEEDLE\n"), filler]));
    const url = `/api/tasks/${ids[0]}/logs/search?q=needle`;
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const found = await searchAll(`${url}&ignore_case=true`);
    const none = await searchAll(url);
    clearInterval(watch);
    expect(found).toEqual([
      { task_id: ids[0], attempt: 1, line: 2, offset: 6, text: "here is the NEEDLE", is_cut: false },
    ]);
    expect(none).toEqual([]);
    expect(longest).toBeLessThan(250);
  });

  test("goes page by page, and before a byte", async () => {
    await write(0, Array.from({ length: 25 }, (_, i) => `line ${i}\n`).join(""));
    const url = `/api/tasks/${ids[0]}/logs/search?q=line&limit=10`;
    expect((await searchAll(url)).map(({ line }) => line)).toEqual(
      Array.from({ length: 25 }, (_, i) => i + 1),
    );
    expect(await searchAll(`${url}&before=14`)).toHaveLength(2);
  });

  test("of a run looks into every log of it", async () => {
    await write(0, "a needle\n");
    await write(1, "nothing\n");
    await write(2, "x\ny\nneedle needle\nz needle");
    finishTask(yard, ids[0] ?? "");
    const found = await searchAll(`/api/runs/${runId}/logs/search?q=needle&limit=1`);
    expect(found.map(({ task_id, line }) => [ids.indexOf(task_id), line])).toEqual([
      [0, 1],
      [2, 3],
      [2, 4],
    ]);
  });

  test.each([
    ["", "invalid_request"],
    ["?q=", "invalid_request"],
    ["?q=a%0Ab", "invalid_request"],
    ["?q=a&cursor=AAAA", "cursor_invalid"],
    [`?q=a&cursor=${Buffer.from("log-search x.1.0.1.0.0").toString("base64url")}`, "cursor_invalid"],
  ])("refuses %s", async (query, code) => {
    await write(0, "a\n");
    expect((await get(`/api/tasks/${ids[0]}/logs/search${query}`)).json()).toMatchObject({ code });
  });

  test("takes what is searched for as it stands", async () => {
    await write(0, "(a+)+$ aaaa\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n");
    const found = await searchAll(`/api/tasks/${ids[0]}/logs/search?q=${encodeURIComponent("(a+)+$")}`);
    expect(found.map(({ line }) => line)).toEqual([1]);
  });
});
