/** Exports over the API: one at a time, fetched in parts, and gone when nobody wants them. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ExportStatus } from "../../protocol/index.ts";
import { Exports } from "../exports.ts";
import { AUTHORIZED, openYard, post, type Yard } from "./yard.testing.ts";

let yard: Yard;
beforeEach(async () => {
  yard = await openYard();
});
afterEach(() => yard.close());

const folder = () => join(yard.context.dataDir, "exports");
const get = (url: string, headers: Record<string, string> = AUTHORIZED) =>
  yard.app.inject({ method: "GET", url, headers });
const remove = (id: string) =>
  yard.app.inject({ method: "DELETE", url: `/api/exports/${id}`, headers: AUTHORIZED });

async function taken(input: object = {}): Promise<ExportStatus> {
  const { export_id } = (await post(yard, "/api/exports", input)).json<ExportStatus>();
  const status = async () => (await get(`/api/exports/${export_id}`)).json<ExportStatus>();
  await expect.poll(async () => (await status()).state).not.toBe("running");
  return status();
}

it("holds what was acknowledged before, and is fetched with the key, whole or in parts", async () => {
  await post(yard, "/api/tasks", { type: "command", config: { command: ["true"] } });
  const { export_id, report } = await taken({ format: "csv", tables: ["task_specs"] });
  expect(report?.tables).toMatchObject([{ name: "task_specs", rows: 1, file: "task_specs.csv" }]);
  const url = `/api/exports/${export_id}/files/task_specs.csv`;
  const whole = await get(url);
  expect(whole.rawPayload.length).toBe(report?.tables[0]?.bytes);
  const part = await get(url, { ...AUTHORIZED, range: "bytes=5-" });
  expect(part.statusCode).toBe(206);
  expect(part.rawPayload).toEqual(whole.rawPayload.subarray(5));
  expect((await get(url, {})).statusCode).toBe(401);
  expect((await get(`/api/exports/${export_id}/files/..%2F..%2Fclient-key`)).statusCode).toBe(404);
});

it("is refused while there is another, and possible once that is removed", async () => {
  const { export_id } = await taken();
  expect((await post(yard, "/api/exports", {})).json()).toMatchObject({ code: "export_busy", status: 409 });
  expect((await remove(export_id)).statusCode).toBe(200);
  expect(existsSync(folder())).toBe(false);
  expect((await get(`/api/exports/${export_id}`)).json()).toMatchObject({ code: "export_unknown" });
  expect((await taken()).state).toBe("done");
});

it("says why it failed, and leaves nothing", async () => {
  const { error, state, report } = await taken({ tables: ["nope"] });
  expect({ state, report, code: error?.code }).toEqual({
    state: "failed",
    report: null,
    code: "export_table_unknown",
  });
  expect(readdirSync(folder())).toEqual([]);
});

it("is given up when nobody has asked for it for a minute, but not while a file is sent", async () => {
  const { results, clock, logger } = yard.context;
  const timers: { ms: number; call: () => void; isOver: boolean }[] = [];
  const after = (ms: number, call: () => void) => {
    const timer = { ms, call, isOver: false };
    timers.push(timer);
    return { cancel: () => void (timer.isOver = true) };
  };
  const waiting = () => timers.filter(({ isOver }) => !isOver);
  const exports = new Exports({ dir: folder(), results, clock: { ...clock, after }, logger });
  exports.start("one", { tables: ["runs"] });
  await expect.poll(() => exports.status("one")?.state).toBe("done");
  const held = exports.hold("one", "runs.parquet");
  expect(waiting()).toEqual([]);
  held?.done();
  expect(waiting()).toMatchObject([{ ms: 60_000 }]);
  waiting()[0]?.call();
  await expect.poll(() => exports.status("one")).toBe(null);
  expect(existsSync(folder())).toBe(false);
});

it("of a coordinator that was killed is removed by the next one", () => {
  const { results, clock, logger } = yard.context;
  mkdirSync(join(folder(), "old"), { recursive: true });
  writeFileSync(join(folder(), "old", "runs.parquet"), "half");
  new Exports({ dir: folder(), results, clock, logger });
  expect(existsSync(folder())).toBe(false);
});

it("a query whose asker hangs up is ended", async () => {
  const asked = new Promise<AbortSignal | undefined>((resolve) => {
    const { results } = yard.context;
    const sql: typeof results.sql = (request, asking) => {
      resolve(asking?.signal);
      return results.sql(request, asking);
    };
    Object.assign(yard.context, { results: { ...results, sql } });
  });
  await yard.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = yard.app.server.address() as AddressInfo;
  const headers = { ...AUTHORIZED, "content-type": "application/json", host: "127.0.0.1:80" };
  const client = httpRequest({ port, host: "127.0.0.1", method: "POST", path: "/api/query", headers });
  client.on("error", () => {});
  client.end('{"sql": "SELECT count(*) FROM range(1000000) a, range(1000000) b"}');
  const signal = await asked;
  expect(signal?.aborted).toBe(false);
  client.destroy();
  const from = performance.now();
  await expect.poll(() => signal?.aborted).toBe(true);
  expect((await post(yard, "/api/query", { sql: "SELECT 1" })).statusCode).toBe(200);
  expect(performance.now() - from).toBeLessThan(4_000); // the query alone would have gone on for 5 s
});
